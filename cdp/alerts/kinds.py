"""The kinds of alerts: what they are called, how long a condition must last, and what to do. Pure."""

from dataclasses import dataclass
from datetime import timedelta

NOW, MINUTE = timedelta(0), timedelta(minutes=1)


@dataclass(frozen=True)
class Kind:
    """`lasting`: how long the condition must hold before the alert opens."""

    title: str
    remedy: str
    lasting: timedelta = NOW
    severity: str = "warning"


KINDS: dict[str, Kind] = {
    "source_quiet": Kind(
        "A source went quiet",
        "See whether the system that sends still runs and still has its write key. If it is meant to be quiet, mute the "
        "source or set its time on its page.",
    ),
    "source_broken": Kind(
        "A source sends what cannot be taken",
        "The page of rejections names the reason of each. Once it is mended, the rejections can be replayed.",
    ),
    "delay": Kind(
        "Processing is more than 2 seconds behind",
        "More comes than the pipeline can take at once, or another job keeps the database busy. If it lasts, start more "
        "pipeline processes (WORKER_PROCESSES).",
        MINUTE,
    ),
    "backlog": Kind(
        "Many events wait",
        "Nothing is lost: they wait on disk. See that workers run; start more pipeline processes (WORKER_PROCESSES).",
        5 * MINUTE,
    ),
    "disk": Kind(
        "The disk is nearly full",
        "Make room or grow the disk before it is full: then nothing more can be accepted.",
        NOW,
        "critical",
    ),
    "sequencer": Kind(
        "The audit log is behind",
        "Its entries are safe in a queue, but not yet in the log. See that workers run and look into their log.",
        MINUTE,
    ),
    "broker": Kind(
        "The broker does not answer",
        "Imports, rebuilds and other jobs wait until BROKER_URL answers again. Events and memberships do not need it.",
        MINUTE,
    ),
    "mail": Kind(
        "E-mail cannot be sent",
        "Correct EMAIL_URL or EMAIL_FROM and start anew, or mend the mail server; `manage.py check_email` tries it. Alerts and "
        "links for new passwords go once it works; of an invitation the link is shown to whoever invites.",
    ),
    "process": Kind(
        "A process is missing",
        "Start it: `manage.py up` runs all of them, `manage.py worker` the pipeline and the jobs, `manage.py beat` the "
        "calendar.",
        2 * MINUTE,  # all of them start together, and on a small machine that takes its time
        "critical",
    ),
}
