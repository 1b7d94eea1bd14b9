"""The embedded servers: real processes, killed at will. Nothing here needs Django."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from cdp.operations.embedded import EmbeddedServerError, Servers, status, stop
from cdp.operations.embedded.layout import Layout, read_secrets, servers
from cdp.operations.embedded.leases import ensure

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDP_TEST_FSYNC_OFF", "1")


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "data"
    yield place
    stop(place)
    assert eventually(lambda: not left_over(place)), left_over(place)


class Lease:
    """A process of its own that joins the servers and stays."""

    def __init__(self, data_dir: Path) -> None:
        command = [sys.executable, "-m", "cdp.operations.embedded", "start", "--data-dir", str(data_dir)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.data_dir = data_dir

    def ready(self) -> Servers:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "Ctrl-C" in line:
                return servers(read_secrets(Layout.of(self.data_dir)), postgres=True, valkey=True)
        raise AssertionError(self.process.communicate()[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Servers:
        return self.ready()

    def __exit__(self, *_: object) -> None:
        self.kill()


def eventually(condition: Callable[[], object], seconds: float = 12) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def left_over(data_dir: Path) -> list[str]:
    """Command lines of processes that name DATA_DIR or sit in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        if str(data_dir) in words or place.startswith(str(data_dir)):
            found.append(words)
    return found


def postmasters(data_dir: Path) -> list[str]:
    return [words for words in left_over(data_dir) if words.strip().endswith(f"-D {data_dir.resolve()}/postgres")]


def pid_of(data_dir: Path, server: str) -> int:
    return int(status(data_dir)["servers"][server]["pid"])


def fetch(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None


def answers(url: str) -> bool:
    try:
        return fetch(url, "select 1") == 1
    except psycopg.OperationalError:
        return False


def broker_answers(data_dir: Path) -> bool:
    state = status(data_dir)["servers"].get("valkey", {})
    return bool(state.get("ready"))


def test_two_commands_at_once_start_one_server(data_dir: Path) -> None:
    leases = [Lease(data_dir) for _ in range(3)]
    urls = {lease.ready() for lease in leases}

    assert len(urls) == 1
    assert len(postmasters(data_dir)) == 1
    assert status(data_dir)["servers"]["postgres"]["starts"] == 1
    for lease in leases:
        lease.kill()


def test_killed_servers_come_back_with_their_data(data_dir: Path) -> None:
    with Lease(data_dir) as urls:
        with psycopg.connect(urls.owner_url) as connection:
            connection.execute("create table kept as select 7 as n")
        postmaster, broker = pid_of(data_dir, "postgres"), pid_of(data_dir, "valkey")
        # A busy backend does not notice that its postmaster is gone; nothing may start beside it.
        busy = psycopg.connect(urls.admin_url)
        sleeper = subprocess.Popen(
            [sys.executable, "-c", BUSY, urls.admin_url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert sleeper.stdout is not None
        sleeper.stdout.readline()

        os.kill(postmaster, signal.SIGKILL)
        os.kill(broker, signal.SIGKILL)

        assert eventually(lambda: answers(urls.database_url))
        assert fetch(urls.database_url, "select n from kept") == 7
        assert eventually(lambda: broker_answers(data_dir))
        assert pid_of(data_dir, "postgres") != postmaster
        assert pid_of(data_dir, "valkey") != broker
        assert len(postmasters(data_dir)) == 1
        sleeper.kill()
        sleeper.wait()
        busy.close()


BUSY = """
import sys, psycopg
connection = psycopg.connect(sys.argv[1])
print("ready", flush=True)
connection.execute("do $$ begin loop end loop; end $$")
"""


def test_a_killed_supervisor_is_replaced(data_dir: Path) -> None:
    with Lease(data_dir) as urls:
        with psycopg.connect(urls.owner_url) as connection:
            connection.execute("create table kept as select 7 as n")
        first = status(data_dir)["pid"]

        os.kill(first, signal.SIGKILL)

        assert eventually(lambda: status(data_dir)["phase"] == "ready" and status(data_dir)["pid"] != first)
        assert fetch(urls.database_url, "select n from kept") == 7
        assert len(postmasters(data_dir)) == 1


def test_killing_everybody_at_once_leaves_nothing(data_dir: Path) -> None:
    lease = Lease(data_dir)
    lease.ready()
    os.kill(status(data_dir)["pid"], signal.SIGKILL)
    lease.kill()

    assert eventually(lambda: not left_over(data_dir)), left_over(data_dir)


def test_the_servers_end_after_the_last_lease(data_dir: Path) -> None:
    first = Lease(data_dir)
    urls = first.ready()
    # The second starts a program that outlives it: that one must not keep the lease.
    second = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert second.stdout is not None
    stranger = int(second.stdout.readline())
    started = time.monotonic()
    with Lease(data_dir):
        assert time.monotonic() - started < 3
    first.kill()
    time.sleep(1)
    assert answers(urls.database_url)
    second.kill()
    second.wait()

    assert eventually(lambda: not left_over(data_dir)), left_over(data_dir)
    assert eventually(lambda: not status(data_dir)["running"], 1)
    os.kill(stranger, signal.SIGKILL)


PARENT = """
import pathlib, subprocess, sys, time
from cdp.operations.embedded import ensure
ensure(pathlib.Path(sys.argv[1]))
print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL).pid, flush=True)
time.sleep(60)
"""


def test_stop_ends_everything_and_the_next_ensure_starts_again(data_dir: Path) -> None:
    with Lease(data_dir):
        stop(data_dir)
        time.sleep(1.5)  # Longer than a holder waits before it looks after the supervisor.
        assert not [words for words in left_over(data_dir) if "embedded start" not in words]
        with Lease(data_dir) as urls:
            assert answers(urls.database_url)


def test_roles_are_kept_apart(data_dir: Path) -> None:
    with Lease(data_dir) as urls:
        with psycopg.connect(urls.owner_url) as owner:
            owner.execute("create table things (id bigint generated always as identity, name text unique)")
            owner.execute("create function seven() returns int language sql as 'select 7'")
        with psycopg.connect(urls.database_url) as app:
            app.execute("insert into things (name) values ('a')")
            app.execute("create temporary table staging (n int)")
            assert app.execute("update things set name = 'b' returning seven()").fetchone() == (7,)
            app.execute("delete from things")
        for refused in ("create table mine (n int)", "truncate things", "drop table things", "create role x"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(urls.database_url) as app:
                app.execute(refused)  # type: ignore[arg-type]
        for url, database in ((urls.database_url, "cdp_vault"), (urls.owner_url, "cdp_vault"), (urls.vault_url, "cdp")):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(url, dbname=database)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(urls.admin_url, password="wrong")
        supers = fetch(urls.admin_url, "select array_agg(rolname) from pg_roles where rolsuper")
        assert supers == ["postgres"]
        with psycopg.connect(urls.vault_url) as vault:
            vault.execute("create table keys (n int)")


def test_nothing_personal_reaches_the_log_and_nothing_listens_on_tcp(data_dir: Path) -> None:
    with Lease(data_dir) as urls:
        with psycopg.connect(urls.owner_url) as owner:
            owner.execute("create table people (name text unique)")
        bad = (
            "insert into people values ('canary@example.org'), ('canary@example.org')",
            "select 'canary@example.org'::uuid",
            "select 'canary@example.org' from nowhere",
            "do $$ begin raise warning 'canary@example.org'; raise exception 'canary@example.org'; end $$",
        )
        for statement in bad:
            with pytest.raises(psycopg.Error), psycopg.connect(urls.database_url) as app:
                app.execute(statement)  # type: ignore[arg-type]
        assert fetch(urls.admin_url, "show listen_addresses") == ""
        assert fetch(urls.admin_url, "show server_encoding") == "UTF8"
        assert fetch(urls.admin_url, "select lower('ÄÉ')") == "äé"
        assert fetch(urls.admin_url, "select array_agg(c order by c) from unnest('{b,Z,a}'::text[]) c") == [
            "Z",
            "a",
            "b",
        ]
        for log in (data_dir / "log").iterdir():
            assert b"canary" not in log.read_bytes()
        for file in (data_dir / "servers.json", *(data_dir / "log").iterdir()):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_deep_directory_with_odd_characters(tmp_path: Path) -> None:
    place = tmp_path / ("très long, " + "x" * 60) / ("y" * 60) / "data"
    with Lease(place) as urls:
        assert answers(urls.database_url)
        assert len(read_secrets(Layout.of(place))["run_dir"]) < 80
    stop(place)
    assert not left_over(place)


def test_a_stale_pid_file_and_a_removed_directory(data_dir: Path) -> None:
    with Lease(data_dir):
        pass
    stop(data_dir)
    # As after a reboot: the pid in the file is now somebody else's.
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{data_dir}/postgres\n1\n5432\n")
    with Lease(data_dir) as urls:
        assert answers(urls.database_url)
        shutil.rmtree(data_dir, ignore_errors=True)  # The servers write until they notice.
    assert eventually(lambda: not left_over(data_dir)), left_over(data_dir)


@pytest.mark.parametrize("seconds", [0, 0.4, 2])
def test_a_directory_removed_and_made_anew_while_its_old_servers_still_run(data_dir: Path, seconds: float) -> None:
    with Lease(data_dir):
        old = pid_of(data_dir, "postgres")
    time.sleep(seconds)  # The servers outlive their last lease by some seconds.
    remove(data_dir)
    with Lease(data_dir) as urls:
        assert pid_of(data_dir, "postgres") != old
        assert answers(urls.database_url)
        time.sleep(1)  # By now the old supervisor has noticed: it must not take the new one's files for its own.
        assert answers(urls.database_url)
        assert broker_answers(data_dir)


def remove(directory: Path) -> None:
    """rm -rf, again while the servers still write into it."""
    while directory.exists():
        shutil.rmtree(directory, ignore_errors=True)


def test_a_server_that_cannot_start_says_so_soon(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "mine.txt").write_text("not a cluster")
    with pytest.raises(EmbeddedServerError, match="no PostgreSQL cluster"):
        ensure(data_dir)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_in_a_directory_that_nobody_else_can_enter() -> None:
    hidden = Path(tempfile.mkdtemp(prefix="hidden"))
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
    try:
        with Lease(hidden / "data") as urls:
            assert answers(urls.database_url)
            owner = Path(f"/proc/{pid_of(hidden / 'data', 'postgres')}").stat().st_uid
            assert owner != 0
        stop(hidden / "data")
    finally:
        shutil.rmtree(hidden)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_root_that_cannot_hand_on_a_capability() -> None:
    hidden = Path(tempfile.mkdtemp(prefix="hidden"))
    data_dir = hidden / "data"
    try:
        without = ["setpriv", "--bounding-set=-setpcap", sys.executable, "-c", PARENT, str(data_dir)]
        with subprocess.Popen(without, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            stranger = int(holder.stdout.readline())
            urls = servers(read_secrets(Layout.of(data_dir)), postgres=True, valkey=True)
            assert answers(urls.database_url)
            holder.kill()
        os.kill(stranger, signal.SIGKILL)
        stop(data_dir)
        assert not left_over(data_dir)
    finally:
        shutil.rmtree(read_secrets(Layout.of(data_dir)).get("base", hidden))
        shutil.rmtree(hidden, ignore_errors=True)
