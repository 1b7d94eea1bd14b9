"""Jobs go through the broker of this test run: Valkey, Redis or RabbitMQ."""

import subprocess
import sys

import psycopg

from tests.installation import ROOT, Installation, installation

__all__ = ["installation"]

SEND = """
from cdp.vault import keys
from cdp.operations.tasks import sweep
keys.system("inbox:2020-01-01")
sweep.delay()
"""


def test_a_job_is_done_by_the_worker(installation: Installation) -> None:
    installation.up()
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", SEND]
    done = subprocess.run(
        command, cwd=ROOT, env=installation.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with psycopg.connect(installation.vault_url, autocommit=True) as vault:

        def swept() -> bool:
            found = vault.execute("SELECT FROM vault_systemkey WHERE name = 'inbox:2020-01-01'").fetchone()
            return found is None

        installation.wait(swept, seconds=120)
