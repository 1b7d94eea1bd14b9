"""Runs of imports in JSON."""

from typing import Any

from rest_framework import serializers

from cdp.connectors.models import RowError, Run


class RunSerializer(serializers.ModelSerializer[Run]):
    """An import of a file. The file's name is not told: it may name a person."""

    progress = serializers.SerializerMethodField(help_text="0 to 1; null where the format does not tell the size")

    class Meta:
        model = Run
        fields = (
            "id", "source_id", "state", "problem", "total", "position", "progress", "accepted", "duplicates", "rejected",
            "started_at", "heartbeat_at", "finished_at",
        )  # fmt: skip

    def get_progress(self, run: Run) -> float | None:
        """How far it came."""
        return progress(run)


class RowErrorSerializer(serializers.ModelSerializer[RowError]):
    """A row that could not be read; no value of it."""

    class Meta:
        model = RowError
        fields = ("row", "column", "reason")


def progress(run: Any) -> float | None:
    """The share of rows that are done, 0 to 1; None where the size is not known."""
    if run.state == Run.State.FINISHED:
        return 1.0
    return round(min(1.0, run.position / run.total), 4) if run.total else None
