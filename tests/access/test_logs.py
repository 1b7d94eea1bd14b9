"""Log lines of one form, and no personal value in any of them: whoever writes, and however careless they are."""

import ast
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from cdp.access import logs
from tests.house.rooms import sources
from tests.people import ALICE

CANARY = (ALICE.email, ALICE.phone, "12025550101")


def written(form: str, record: logging.LogRecord) -> str:
    return logs.formatter(form).format(record)


def record(message: Any, *args: Any, name: str = "somebody.else", error: Exception | None = None) -> logging.LogRecord:
    info = (type(error), error, None) if error else None
    return logging.LogRecord(name, logging.WARNING, "file.py", 1, message, args, info)


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What structlog writes through logging, as parsed lines."""
    found: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(self.format(record)))

    handler = Keep()
    handler.setFormatter(logs.formatter())
    logger = logging.getLogger("cdp.test")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(handler)


def test_a_line_of_ours(lines: list[dict[str, Any]]) -> None:
    with structlog.contextvars.bound_contextvars(request_id="01a2"):
        structlog.get_logger("cdp.test").info("request", route="/api/v1/profiles/<uuid:id>/", status=200, ms=1.5)
    (line,) = lines
    time = line.pop("time")
    assert time.endswith("Z")
    assert line == {
        "event": "request", "level": "info", "logger": "cdp.test", "request_id": "01a2",
        "route": "/api/v1/profiles/<uuid:id>/", "status": 200, "ms": 1.5,
    }  # fmt: skip


def test_keys_that_are_not_declared_and_values_of_another_kind_stay_out(lines: list[dict[str, Any]]) -> None:
    log = structlog.get_logger("cdp.test")
    log.info("sweep", person=ALICE.email, holder=ALICE.email, events=ALICE.phone, error=ValueError(ALICE.email))
    log.info(f"hello {ALICE.email}")
    assert {key: lines[0][key] for key in ("holder", "events", "error")} == dict.fromkeys(
        ("holder", "events", "error"), logs.WITHHELD
    )
    assert "person" not in lines[0]
    assert lines[1]["event"] == logs.WITHHELD


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("%s could not be found", (ALICE.email,)),
        (f"{ALICE.email} could not be found", ()),
        (f"duplicate key (phone)=({ALICE.phone})", ()),
        (f"value '{ALICE.email}' of \"{ALICE.phone}\"", ()),
        ("called with %(address)s", ({"address": ALICE.email},)),
        (ValueError(ALICE.email), ()),
    ],
)
def test_what_libraries_write_loses_its_values(form: str, message: Any, args: tuple[Any, ...]) -> None:
    line = written(form, record(message, *args, error=ValueError(f"{ALICE.email} {ALICE.phone}")))
    assert not [value for value in CANARY if value in line]
    assert "ValueError" in line


def test_no_line_is_a_template_of_celery() -> None:
    """Its "Task %(name)s[%(id)s] received" would be written as it stands; `cdp.celery` has a line for each job."""
    for name in ("celery.worker.strategy", "celery.beat", "celery.app.trace"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_every_line_in_the_source_has_declared_keys_and_a_fixed_event() -> None:
    """So that nothing is withheld from a line by surprise."""
    known = logs.NUMBERS | logs.CODES
    wrong = []
    for path in sources():
        if "tests" in path.parts:
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if call.func.attr not in {"debug", "info", "warning", "error", "critical", "exception"}:
                continue
            if not (isinstance(call.func.value, ast.Name) and call.func.value.id in {"log", "logger"}):
                continue
            fixed = isinstance(call.args[0], ast.Constant)
            if not fixed or [key.arg for key in call.keywords if key.arg not in known | {"exc_info"}]:
                wrong.append(f"{path.name}:{call.lineno}")
    assert wrong == []
