"""Log lines: JSON, one per event, with the request's id. They carry ids and counts; a personal value is a bug.

An exception is written as its type and the places it passed, never its text or its local values: a database's message
quotes the row that it refused.
"""

import logging
import traceback
from types import TracebackType
from typing import Any

import structlog

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None


def _where(record: logging.LogRecord) -> dict[str, Any]:
    info: _ExcInfo = record.exc_info
    if not info or info[0] is None:
        return {}
    frames = traceback.extract_tb(info[2])
    return {
        "exception": f"{info[0].__module__}.{info[0].__qualname__}",
        "at": [
            f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-8:]
        ],
    }


def _describe(logger: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Adds level, logger and the shape of an exception."""
    record: logging.LogRecord | None = event.get("_record")
    if record is not None:
        event.update({"level": record.levelname.lower(), "logger": record.name}, **getattr(record, "_where", {}))
    return event


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        # A copy, since other handlers may want the exception; `exc_text` is the cached rendering with values.
        without = {"exc_info": None, "exc_text": None, "stack_info": None, "_where": _where(record)}
        shown = logging.makeLogRecord(record.__dict__ | without)
        return super().format(shown)


def formatter() -> logging.Formatter:
    """The formatter of every handler (settings.LOGGING)."""
    return _Formatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars],
        processors=[
            _describe,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
