"""Counters and histograms of this process, and the list of all there are. Pure: no Django, no thread, no I/O.

A process adds up in memory (well under a microsecond a time) and `cdp.operations.reporting` moves what was added into the
database every few seconds, so that one scrape of `/metrics` speaks for every process on every machine and a restart
loses no count. Labels are codes and ids: never a personal value.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

SUM, INFINITE = "sum", "+Inf"
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was added to one series. `part`: "" of a counter; of a histogram the bucket's upper bound, or "sum"."""

    name: str
    labels: Labels
    part: str
    n: float


class Counter:
    """A number that only rises, by labels. Its name ends in `_total`."""

    kind = "counter"

    def __init__(self, name: str, help: str, labels: Labels = ()) -> None:
        self.name, self.help, self.labels = name, help, labels
        self._lock = threading.Lock()
        self._added: dict[Labels, float] = {}

    def add(self, n: float, *labels: str) -> None:
        """Adds `n` (not negative) to the series of these label values."""
        with self._lock:
            self._added[labels] = self._added.get(labels, 0) + n

    def take(self) -> list[Sample]:
        """What was added since the last call."""
        with self._lock:
            taken, self._added = self._added, {}
        return [Sample(self.name, labels, "", n) for labels, n in taken.items() if n]

    def put_back(self, sample: Sample) -> None:
        """Adds a taken sample again, which could not be written."""
        self.add(sample.n, *sample.labels)


class Histogram:
    """How often a value lay in which range, by labels. `buckets` are upper bounds, ascending, without +Inf."""

    kind = "histogram"

    def __init__(self, name: str, help: str, labels: Labels = (), *, buckets: tuple[float, ...]) -> None:
        self.name, self.help, self.labels, self.buckets = name, help, labels, buckets
        self.parts = (*(f"{bound:g}" for bound in buckets), INFINITE, SUM)
        self._lock = threading.Lock()
        self._added: dict[Labels, list[float]] = {}

    def observe(self, value: float, *labels: str, times: int = 1) -> None:
        """Counts a value (or the same value `times` over)."""
        with self._lock:
            series = self._added.get(labels)
            if series is None:
                series = self._added[labels] = [0] * len(self.parts)
            series[bisect_left(self.buckets, value)] += times
            series[-1] += value * times

    def take(self) -> list[Sample]:
        """What was added since the last call: one sample for each part that moved."""
        with self._lock:
            taken, self._added = self._added, {}
        return [
            Sample(self.name, labels, part, n)
            for labels, series in taken.items()
            for part, n in zip(self.parts, series, strict=True)
            if n
        ]

    def put_back(self, sample: Sample) -> None:
        """Adds a taken sample again, which could not be written."""
        with self._lock:
            series = self._added.setdefault(sample.labels, [0] * len(self.parts))
            series[self.parts.index(sample.part)] += sample.n


_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_DELAY = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_LONG = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)

HTTP = Histogram(
    "cdp_http_request_seconds", "Requests by route pattern, until the answer begins", ("route", "method", "status"),
    buckets=_QUICK,
)  # fmt: skip
BATCH = Histogram("cdp_pipeline_batch_seconds", "Micro-batches of the pipeline that held events", buckets=_QUICK)
FAULTS = Counter("cdp_pipeline_faults_total", "What went wrong in the pipeline, by kind", ("kind",))
DELAY = Histogram(
    "cdp_processing_delay_seconds",
    "Of an event, from accepted to stored; of a change, from accepted (or made) to memberships visible",
    ("stage",),
    buckets=_DELAY,
)
MEMBERSHIPS = Counter("cdp_memberships_moved_total", "Segment memberships entered or left")
IDENTITY = Counter("cdp_identity_total", "New records, evidence and links; profiles made, merged, split", ("what",))
VAULT = Counter("cdp_vault_keys_total", "Record keys asked for, by where they were found", ("found",))
JOBS = Histogram("cdp_job_seconds", "Jobs of the worker, by task and outcome", ("task", "outcome"), buckets=_LONG)
MAILS = Counter("cdp_mails_total", "E-mails by outcome", ("outcome",))

ALL: tuple[Counter | Histogram, ...] = (HTTP, BATCH, FAULTS, DELAY, MEMBERSHIPS, IDENTITY, VAULT, JOBS, MAILS)


def take() -> list[Sample]:
    """What this process added since the last call."""
    return [sample for metric in ALL for sample in metric.take()]


def put_back(samples: Iterable[Sample]) -> None:
    """For samples that could not be written: the next `take` has them again."""
    by_name = {metric.name: metric for metric in ALL}
    for sample in samples:
        by_name[sample.name].put_back(sample)
