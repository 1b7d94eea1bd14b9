"""The Celery application and its calendar. A task is a wake-up call: it carries ids and may run twice."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")

app = Celery("cdp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "sweep": {"task": "cdp.operations.tasks.sweep", "schedule": 3600.0},
    "build_pending": {"task": "segments.tasks.build_pending", "schedule": 60.0},
}
