"""`beat`: the calendar of the jobs."""

from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand

from cdp.operations.backups import unfinished


class Command(BaseCommand):
    help = "Runs the calendar (Celery beat). One per installation."

    def handle(self, *args: Any, **options: Any) -> None:
        unfinished.refuse()
        schedule = settings.DATA_DIR / "run" / "beat-schedule"
        schedule.parent.mkdir(parents=True, exist_ok=True)
        words = ["--quiet", "beat", "--loglevel", "WARNING", "--schedule", str(schedule), "--pidfile="]
        current_app.start(words)  # `manage.py` made it ours
