import json
from typing import Any

import pytest

from cdp.connectors import mapping
from cdp.demo import files
from tests.demo.test_input import read_csv, read_lines, read_pos


@pytest.mark.parametrize("system", ["crm", "loyalty", "mailings", "pos"])
def test_every_row_becomes_an_event_by_its_mapping(demo: files.Manifest, system: str) -> None:
    declared = mapping.load(demo.mappings[system].read_bytes())
    rows: list[dict[str, Any]]
    if system == "pos":
        rows = read_pos(demo)[:3000]
    else:
        path = demo.files[system][0]
        rows = list(read_csv(path)) if system == "crm" else read_lines(path)
    events = [mapping.event(row, declared) for row in rows]
    assert len({event["messageId"] for event in events}) == len(rows)
    assert all(len(json.dumps(event)) < 32_000 for event in events)
    if system in ("crm", "loyalty"):
        assert any(event["context"]["consent"]["decisions"] for event in events if "context" in event)
