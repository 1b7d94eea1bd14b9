"""How each system's data come in: files through the import, the web shop over HTTP by segment-analytics-python."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from segment.analytics.client import Client

from cdp.connectors import importing, mapping
from cdp.demo import webshop
from cdp.demo.world import BY
from cdp.sources.lookup import SourceInfo

Report = Callable[[int], None]  # how many rows or calls so far


class NotSent(RuntimeError):
    """Some calls of the web shop did not arrive."""


def import_one(path: Path, source: SourceInfo, declared: Path, *, before: int, report: Report) -> int:
    """Imports one file by its declared mapping; its rows. `before`: rows of earlier files of the same stage."""
    text = declared.read_bytes()
    it = importing.prepare(path, source, mapping.load(text), mapping_text=text)
    run = importing.import_file(
        it, by=BY, clock=lambda: datetime.now(UTC), report=lambda run: report(before + run.position)
    )
    return run.position


def send_web(script: Path, *, host: str, write_key: str, report: Report) -> int:
    """Sends the web shop's calls in their order by the unmodified client; how many. Raises NotSent."""
    failures: list[str] = []
    logging.getLogger("segment").setLevel(logging.CRITICAL)  # its messages quote what it sends
    client = Client(
        write_key, host=host, max_queue_size=1000, upload_size=100, upload_interval=0.05, max_retries=10,
        on_error=lambda error, batch: failures.append(type(error).__name__),
    )  # fmt: skip
    sent = 0
    try:
        for method, arguments in webshop.read(script):
            while not getattr(client, method)(**arguments)[0]:  # its queue is full: it says so and drops the call
                _pause(client, sent, report)
            sent += 1
            if sent % 200 == 0:
                _pause(client, sent, report)
        while client.queue.unfinished_tasks and not failures:
            _pause(client, sent, report)
        client.flush()
    finally:
        client.join()
    if failures:
        raise NotSent(f"the web server did not take {len(failures)} batches ({failures[0]})")
    report(sent)
    return sent


def _pause(client: Client, sent: int, report: Report) -> None:
    report(max(0, sent - client.queue.unfinished_tasks))
    time.sleep(0.02)
