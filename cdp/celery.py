"""The Celery application and its calendar. A task is a wake-up call: it carries ids and may run twice."""

import atexit
import os
from time import perf_counter
from typing import Any

import structlog
from celery import Celery, Task, bootsteps
from celery.signals import beat_init, setup_logging

from cdp import metrics

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
log = structlog.get_logger(__name__)


class Job(Task):  # type: ignore[type-arg]  # not subscriptable at run time
    """A task whose runs are counted, timed and written down: its name and what became of it, not what it was given."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs it."""
        began, outcome = perf_counter(), "failed"
        try:
            result = super().__call__(*args, **kwargs)
            outcome = "done"
        finally:
            took = perf_counter() - began
            metrics.JOBS.observe(took, self.name, outcome)
            log.info("job", task=self.name, outcome=outcome, ms=round(took * 1000, 1))
        return result


class Reports(bootsteps.StartStopStep):
    """Lets the worker of jobs report itself for as long as it runs (`cdp.operations.reporting`)."""

    def start(self, parent: Any) -> None:
        """Called by Celery."""
        self.reporter = _reporter("jobs")

    def stop(self, parent: Any) -> None:
        """Called by Celery."""
        self.reporter.stop()


def _reporter(kind: str) -> Any:
    from cdp.operations import watch  # when this module is imported, Django may not be set up
    from cdp.operations.reporting import Reporter

    reporter = Reporter(kind, watch.look)
    reporter.start()
    return reporter


@beat_init.connect
def _beat(**_: Any) -> None:
    """Beat has no steps to join, so it says by a signal that it begins."""
    atexit.register(_reporter("beat").stop)


@setup_logging.connect
def _ours(**_: Any) -> None:
    """Celery sets up logging of its own only where nobody listens here. Django's settings did it already."""


app = Celery("cdp", task_cls=Job)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(Reports)
app.conf.beat_schedule = {
    "sweep": {"task": "cdp.operations.tasks.sweep", "schedule": 3600.0},
    "apply_rules": {"task": "identity.tasks.apply_rules", "schedule": 60.0},
    "check_quality": {"task": "identity.tasks.check_quality", "schedule": 300.0},
    "go_on_matching": {"task": "identity.tasks.go_on_matching", "schedule": 60.0},
    "retrain_matching": {"task": "identity.tasks.retrain_matching", "schedule": 3600.0},
    "build_pending": {"task": "segments.tasks.build_pending", "schedule": 60.0},
}
