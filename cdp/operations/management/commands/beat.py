"""`beat`: the calendar of the jobs."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from cdp.operations.backups import unfinished
from cdp.operations.family import MANAGE


class Command(BaseCommand):
    help = "Runs the calendar (Celery beat). One per installation."

    def handle(self, *args: Any, **options: Any) -> None:
        unfinished.refuse()
        schedule = settings.DATA_DIR / "run" / "beat-schedule"
        schedule.parent.mkdir(parents=True, exist_ok=True)
        os.execv(  # noqa: S606
            MANAGE[0],
            [
                MANAGE[0],
                "-m",
                "celery",
                "--quiet",
                "-A",
                "cdp.celery",
                "beat",
                "--loglevel",
                "WARNING",
                "--schedule",
                str(schedule),
                "--pidfile=",
            ],
        )
