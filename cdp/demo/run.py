"""The demo from end to end: set up, start, make people, send, wait, check, tell, serve."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connections
from rich.console import Console

from cdp.demo import figures, files, likeness, sending, summary, world
from cdp.demo.files import Manifest
from cdp.demo.segments import SEGMENTS
from cdp.demo.stages import Stages, Stopped
from cdp.operations import embedded
from cdp.operations.family import Family, manage
from cdp.operations.setup import set_up

SEED = 7
SMALL = 200
LOG = "processes.log"
PATIENCE = 120.0  # seconds for the web server to answer, and without any progress of the pipeline


class DemoFailed(RuntimeError):
    """The demo cannot go on; the text says what to do."""


@dataclass(frozen=True)
class Wish:
    """What was asked for. `households` None: all 2,469."""

    households: int | None
    port: int
    serve: bool

    @property
    def url(self) -> str:
        """Where the web server will be."""
        return f"http://localhost:{self.port}"


def run(wish: Wish, console: Console) -> bool:
    """The whole demo; whether everything it claims was confirmed. Leaves no process behind. Raises DemoFailed."""
    began = time.monotonic()
    _check_port(wish.port)
    folder = settings.DATA_DIR / "demo"
    anchor = _anchor(folder, wish)
    with (folder / LOG).open("wb") as log:
        family = _family(wish, log.fileno())
        try:
            return _run(wish, console, family, folder / "input", anchor, began)
        except (Stopped, KeyboardInterrupt):
            console.print("stopped")
            return False
        finally:
            shutil.rmtree(folder / "input", ignore_errors=True)
            family.end()
            _leave()


def _run(wish: Wish, console: Console, family: Family, folder: Path, anchor: datetime, began: float) -> bool:
    set_up(lambda line: console.print(f"[dim]{line}[/]"))
    family.catch_signals()
    family.tend()
    made = world.make(at=datetime.now(UTC))
    console.print(
        f"[dim]set up: {len(made.sources)} sources, {len(world.PURPOSES)} purposes, {made.fields} declared fields, "
        f"{len(SEGMENTS)} segments[/]"
    )
    stages = Stages(console, family)
    stages.seconds["Setting up"] = time.monotonic() - began
    with stages.progress:
        manifest = _fill(stages, wish, made, folder, anchor)
        exact = figures.resolved(manifest, made)
        with stages.stage("Recognising people by likeness") as stage:
            likeness.recognise(stage)
        with stages.stage("Until their memberships stand") as stage:
            _wait_for_pipeline(stages)
        told = figures.gather(stages, made, manifest, exact)
    shutil.rmtree(folder)  # invented people, but people: the platform alone keeps them now
    stages.seconds["In all"] = time.monotonic() - began
    summary.show(console, told, stages.seconds, rate=stages.rate)
    summary.show_doors(console, wish.url, made, told, serving=wish.serve)
    if wish.serve:
        family.children += [manage("worker", "--processes", "0"), manage("beat")]  # jobs and calendar: only now of use
        family.run()
    return told.confirmed


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.LISTEN, port))
        except OSError:
            raise DemoFailed(f"port {port} is in use: choose another one with --port") from None


def _anchor(folder: Path, wish: Wish) -> datetime:
    """The moment up to which the demo's year reaches: of the first run, so that a second one sends the same messages."""
    kept = folder / "demo.json"
    size = wish.households or 0
    if kept.exists():
        known = json.loads(kept.read_text())
        if known["households"] != size:
            raise DemoFailed(
                f"{settings.DATA_DIR} holds a demo of another size: take another directory with DATA_DIR=..., or the same size"
            )
        return datetime.fromisoformat(known["anchor"])
    anchor = datetime.now(UTC).replace(second=0, microsecond=0)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept.write_text(json.dumps({"households": size, "seed": SEED, "anchor": anchor.isoformat()}) + "\n")
    return anchor


def _family(wish: Wish, log: int) -> Family:
    """Web server and pipeline: what the data need. What they say goes to a file, so as not to disturb the bars."""
    environment = {"LOG_LEVEL": "WARNING", **os.environ, "PORT": str(wish.port)}
    slots = range(1 if wish.households else 2)
    pipeline = [manage("worker", "--pipeline-slot", str(slot)) for slot in slots]
    pipeline.append(manage("worker", "--memberships"))
    return Family([manage("serve", "--port", str(wish.port)), *pipeline], environment=environment, output=log)


def _fill(stages: Stages, wish: Wish, made: world.World, folder: Path, anchor: datetime) -> Manifest:
    with stages.stage("Making people and their year") as stage:
        manifest = files.write(folder, households=wish.households, seed=SEED, anchor=anchor)
        stage.report(manifest.persons, manifest.persons)
    _wait_for_web(stages, wish.url)
    stages.watch_pipeline(sum(manifest.rows.values()))
    for name, label in (
        ("crm", "CRM export (CSV)"), ("loyalty", "Loyalty programme (JSON Lines)"),
        ("mailings", "Campaign mailings (JSON Lines)"), ("pos", "Point of sale (Parquet)"),
    ):  # fmt: skip
        with stages.stage(label, manifest.rows[name]) as stage:
            done = 0
            for path in manifest.files[name]:
                source = made.sources[world.SOURCE_OF[name]]
                done += sending.import_one(path, source, manifest.mappings[name], before=done, report=stage.report)
    with stages.stage("Web shop (HTTP, Segment's SDK)", manifest.rows["web"]) as stage:
        sending.send_web(manifest.files["web"][0], host=wish.url, write_key=made.write_key, report=stage.report)
    with stages.stage("Until nothing waits") as stage:
        _wait_for_pipeline(stages)
    return manifest


def _wait_for_web(stages: Stages, url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        stages.tick()
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise DemoFailed(f"the web server does not answer at {url}: see {settings.DATA_DIR}/demo/{LOG}")


def _wait_for_pipeline(stages: Stages) -> None:
    """Until the inbox and the queue of changes are empty. Raises DemoFailed when nothing moves."""
    done, moved = stages.done, time.monotonic()
    while not stages.quiet():
        time.sleep(0.1)
        stages.tick()
        if stages.done > done:
            done, moved = stages.done, time.monotonic()
        if time.monotonic() - moved > PATIENCE:
            log = f"{settings.DATA_DIR}/demo/{LOG}"
            raise DemoFailed(f"the pipeline stands still with {stages.pending} events waiting: see {log}")
    stages.finish()


def _leave() -> None:
    """Ends the embedded servers at once if nobody else uses them, rather than some seconds after us."""
    for alias in connections:
        connections[alias].close()
    if settings.EMBEDDED:
        embedded.leave(settings.DATA_DIR)
