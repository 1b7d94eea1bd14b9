"""Log lines: JSON (or, for eyes, coloured words), one per event, with the request's id. A personal value in one is a bug.

What keeps it out, besides care: a line of ours has only keys that are declared here, and their values are numbers, ids
and codes; of other people's libraries only the template of a message is written, never what they put into it; and an
exception is its type and the places it passed, never its text or its local values: a database's message quotes the row
that it refused.
"""

import logging
import re
import traceback
from types import TracebackType
from typing import Any
from uuid import UUID

import structlog

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None

NUMBERS = frozenset(
    {
        "status",
        "ms",
        "slot",
        "code",
        "events",
        "inbox_id",
        "purged",
        "pid",
        "n",
        "seconds",
        "attempt",
        "found",
        "rows",
        "months",
    }
)
# Words that the program itself chose: class names, states, route patterns, commands, names of tasks and holders, ids.
CODES = frozenset(
    {"error", "route", "method", "request_id", "process", "holder", "task", "outcome", "kind", "alert", "reason", "id",
     "source_id", "run_id", "segment_id", "database", "name",
     "segment", "loops"}
)  # fmt: skip
_OURS = frozenset({"event", "level", "logger", "time", "exception", "at", "_record", "_from_structlog"})
_CODE = re.compile(r"[\w.:/<>()*+, -]{0,120}", re.ASCII)
_EVENT = re.compile(r"[a-z0-9_.]{1,60}")
_VALUES = re.compile(r"\S*@\S*|[\d+][\d ().-]{5,}\d|'[^']*'|\"[^\"]*\"")
WITHHELD = "(withheld)"


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


def _code(value: object) -> object:
    text = str(value) if isinstance(value, str | UUID) else WITHHELD
    return text if _CODE.fullmatch(text) else WITHHELD


def declared(logger: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keeps declared keys with values of their kind. What else a line was given stays out of it."""
    kept: structlog.typing.EventDict = {}
    for key, value in event.items():
        if key in NUMBERS:
            kept[key] = value if value is None or isinstance(value, int | float) else WITHHELD
        elif key in CODES:
            kept[key] = None if value is None else _code(value)
        elif key in _OURS:
            kept[key] = value
    if event.get("_from_structlog") and not _EVENT.fullmatch(str(event.get("event"))):
        kept["event"] = WITHHELD
    return kept


def _describe(logger: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Adds level, logger and the shape of an exception."""
    record: logging.LogRecord | None = event.get("_record")
    if record is not None:
        event.update({"level": record.levelname.lower(), "logger": record.name}, **getattr(record, "_where", {}))
    return event


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        # A copy, since other handlers may want the exception; `exc_text` is the cached rendering with values.
        without: dict[str, Any] = {"exc_info": None, "exc_text": None, "stack_info": None, "_where": _where(record)}
        if not isinstance(record.msg, dict):  # not ours: its template alone, and nothing in it that looks like a value
            without |= {"msg": _VALUES.sub(WITHHELD, str(record.msg))[:300], "args": ()}
        shown = logging.makeLogRecord(record.__dict__ | without)
        return super().format(shown)


def formatter(form: str = "json") -> logging.Formatter:
    """The formatter of every handler (settings.LOGGING): "json" or "console". Makes structlog write through logging."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    written: structlog.typing.Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "console":
        written = structlog.dev.ConsoleRenderer()
    return _Formatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars],
        processors=[
            _describe,
            declared,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            written,
        ],
    )
