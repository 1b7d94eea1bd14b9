"""Where SDKs that do not live in this environment lie, and what must arrive of the six calls that each makes."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from cdp.events.claim import Claimed, claim
from tests.people import ALICE

SCRIPTS = Path(__file__).resolve().parent.parent / "sdks"
INSTALLED = Path(settings.DATA_DIR) / "sdks"  # by `make sdks`
MODULES = INSTALLED / "node" / "node_modules"
OLD_SEGMENT = INSTALLED / "segment-analytics-python-2.3.4"  # two versions do not fit into one environment
YEAR_AGO = datetime.now(UTC) - timedelta(days=365)


def needs(path: Path) -> pytest.MarkDecorator:
    """Skips without this part of an SDK."""
    return pytest.mark.skipif(not path.exists(), reason=f"no {path.name} here: `make sdks` installs it")


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js 20 here: apt-get install nodejs npm")


def run(script: str, key: str, host: str, **more: Any) -> None:
    """Runs one of the scripts, which must succeed."""
    told = {
        "writeKey": key,
        "host": host,
        "userId": ALICE.user_id,
        "email": ALICE.email,
        "yearAgo": YEAR_AGO.isoformat(),
    }
    program = sys.executable if script.endswith(".py") else str(shutil.which("node"))
    done = subprocess.run(
        [program, str(SCRIPTS / script), json.dumps(told | more)],
        env=os.environ | {"NODE_PATH": str(MODULES), "PYTHONPATH": str(OLD_SEGMENT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def taken() -> dict[str, Claimed]:
    """What has arrived, by type."""
    with transaction.atomic():
        return {each.event["type"]: each for each in claim(100)}


def check(arrived: dict[str, Claimed]) -> None:
    """The six calls, as they were meant."""
    assert arrived.keys() == {"identify", "track", "page", "screen", "group", "alias"}
    assert arrived["identify"].event["traits"] == {"email": ALICE.email, "plan": "gold"}
    assert arrived["identify"].event["anonymousId"] == "a-1"
    assert "traits" not in arrived["identify"].event["context"]
    assert arrived["track"].event["event"] == "Order Completed"
    assert arrived["track"].event["properties"] == {"total": 12.5}
    assert abs(arrived["track"].occurred_at - YEAR_AGO) < timedelta(seconds=30)
    assert arrived["group"].event["groupId"] == "g-1"
    assert (arrived["alias"].event["previousId"], arrived["alias"].event["userId"]) == ("a-1", ALICE.user_id)
