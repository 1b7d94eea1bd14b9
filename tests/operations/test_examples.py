"""The Grafana dashboard and the Prometheus rules of the docs name only metrics and labels that a real scrape has."""

import json
import re
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric

from cdp import metrics
from cdp.alerts.kinds import KINDS
from cdp.operations.models import Process
from cdp.operations.scrape import Installation
from tests.house.rooms import ROOT

pytestmark = pytest.mark.django_db
EXAMPLES = ROOT / "docs" / "examples"
_SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",), "gauge": ("",)}


@pytest.fixture
def scraped(db: None) -> dict[str, Metric]:
    """Every name that Prometheus would store, with its family."""
    found: dict[str, Metric] = {}
    for family in Installation().collect():
        for suffix in _SUFFIXES[family.type]:
            found[family.name + suffix] = family
    return found


def _rules() -> list[dict[str, Any]]:
    return [
        rule
        for group in yaml.safe_load((EXAMPLES / "prometheus-alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]


def _dashboard() -> dict[str, Any]:
    return dict(json.loads((EXAMPLES / "grafana-dashboard.json").read_text()))


def _expressions() -> list[str]:
    asked = [target["expr"] for panel in _dashboard()["panels"] for target in panel.get("targets", [])]
    return asked + [rule["expr"] for rule in _rules()]


@pytest.mark.parametrize("expression", _expressions())
def test_every_metric_exists(expression: str, scraped: dict[str, Metric]) -> None:
    names = set(re.findall(r"\bcdp_[a-z_]+", expression))
    assert names or "up{" in expression
    assert names <= scraped.keys()
    assert expression.count("(") == expression.count(")")
    assert expression.count("{") == expression.count("}")


def test_every_metric_that_processes_count_is_shown() -> None:
    shown = " ".join(_expressions())
    assert [metric.name for metric in metrics.ALL if metric.name not in shown] == []


def test_a_kind_of_process_that_does_not_run_counts_as_none(scraped: dict[str, Metric]) -> None:
    found = {sample.labels["kind"]: sample.value for sample in scraped["cdp_processes"].samples}
    assert found == dict.fromkeys(Process.Kind.values, 0)


def test_rules_say_what_to_do() -> None:
    for rule in _rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_the_dashboard_asks_for_its_data_source() -> None:
    board = _dashboard()
    assert board["templating"]["list"][0]["type"] == "datasource"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"] if "targets" in panel)


def test_the_rules_of_our_own_have_words() -> None:
    for kind in KINDS.values():
        assert kind.title
        assert kind.remedy.endswith(".")
