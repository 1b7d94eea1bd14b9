"""Splink's settings as JSON, written from a model and read into one, as far as the two can say the same. Pure.

Source: Splink 4 and 5, `Settings.as_dict` (comparisons with comparison_levels, m_probability and u_probability,
probability_two_random_records_match, blocking_rules_to_generate_predictions). What Splink does not know is left out when
writing: kin, rarities by people, the second stage. Splink finds levels by SQL: for each of ours that SQL cannot say on one
column, the chances are added to those of the last level. Reading, a level counts for ours of the same label, else for the one
its SQL is nearest to.
"""

import re
from typing import Any

import msgspec

from identity.matching.compare import COMPARISONS
from identity.matching.model import Field, Model, Unreadable
from identity.matching.prepare import COMPARED

_PINCH = 1e-9
# Level of ours -> SQL of DuckDB over "{c}_l" and "{c}_r".
_SQL = {
    "equal": '"{c}_l" = "{c}_r"',
    "one slip": 'damerau_levenshtein("{c}_l", "{c}_r") <= 1',
    "one or two slips": 'damerau_levenshtein("{c}_l", "{c}_r") <= 2',
    "two slips": 'damerau_levenshtein("{c}_l", "{c}_r") <= 2',
    "alike": 'jaro_winkler_similarity("{c}_l", "{c}_r") >= 0.88',
    "somewhat alike": 'jaro_winkler_similarity("{c}_l", "{c}_r") >= 0.75',
    "nearly equal": 'jaro_winkler_similarity("{c}_l", "{c}_r") >= 0.94',
}
_THRESHOLD = re.compile(r"(?:>=|>)\s*([0-9.]+)|(?:<=|<)\s*([0-9]+)")


def write(model: Model) -> bytes:
    """The model as Splink's settings for finding duplicates in one table, whose columns are named as our fields are."""
    settings = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": model.prior,
        "comparisons": [_comparison(one) for one in model.fields],
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": " and ".join(f'l."{name}" = r."{name}"' for name in rule), "sql_dialect": "duckdb"}
            for rule in model.rules
            if all(name in model.compared for name in rule)
        ],
        "sql_dialect": "duckdb",
    }
    return msgspec.json.format(msgspec.json.encode(settings), indent=1)


def _comparison(one: Field) -> dict[str, Any]:
    column = one.name
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": f'"{column}_l" is null or "{column}_r" is null',
            "label_for_charts": "missing",
            "is_null_level": True,
        }
    ]
    rest_m = rest_u = 0.0
    for name, m, u in zip(one.levels, one.m, one.u, strict=True):
        if name not in _SQL:
            rest_m, rest_u = rest_m + m, rest_u + u
            continue
        level = {
            "sql_condition": _SQL[name].format(c=column),
            "label_for_charts": name,
            "m_probability": m,
            "u_probability": u,
        }
        if name == "equal":
            level |= {"tf_adjustment_column": column, "tf_adjustment_weight": 1.0}
        levels.append(level)
    last = {
        "sql_condition": "ELSE",
        "label_for_charts": one.levels[-1],
        "m_probability": rest_m,
        "u_probability": rest_u,
    }
    return {"output_column_name": column, "comparison_levels": [*levels, last], "comparison_description": one.compared}


def read(text: bytes | str) -> Model:
    """A model from Splink's settings. A comparison of a column that is no field of ours is read as text. Raises Unreadable."""
    try:
        found = msgspec.json.decode(text)
        prior = float(found["probability_two_random_records_match"])
        fields = tuple(_field(one) for one in found["comparisons"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"no settings of Splink: {type(error).__name__}") from None
    if not fields or not 0 < prior < 1:
        raise Unreadable("settings of Splink without comparisons, or with a prior that is no probability")
    rules = tuple((one.name,) for one in fields)
    return Model(fields, prior, rules=rules)


def _field(one: dict[str, Any]) -> Field:
    name = str(one["output_column_name"])
    how = COMPARED.get(name, "text")
    ours = COMPARISONS[how].levels
    m, u = [0.0] * len(ours), [0.0] * len(ours)
    for level in one["comparison_levels"]:
        if level.get("is_null_level"):
            continue
        at = _nearest(ours, str(level.get("label_for_charts", "")), str(level["sql_condition"]))
        m[at] += float(level.get("m_probability") or _PINCH)
        u[at] += float(level.get("u_probability") or _PINCH)
    # A level that Splink's comparison lacks counts as "different", at the same odds.
    odds = m[-1] / u[-1] if u[-1] else 1.0
    m = [mine if mine else _PINCH * odds for mine in m]
    u = [its if its else _PINCH for its in u]
    zero = (0.0,) * len(ours)
    return Field(
        name, how, tuple(m), tuple(u), zero, {}, {aspect: 0.0 for aspect, share in COMPARISONS[how].shared if share}
    )


def _nearest(ours: tuple[str, ...], label: str, sql: str) -> int:
    if label in ours:
        return ours.index(label)
    text = sql.strip().lower()
    if text == "else":
        return len(ours) - 1
    found = _THRESHOLD.search(text)
    if not found or "(" not in text:
        return 0
    wanted = _by_threshold(found)
    return ours.index(wanted) if wanted in ours else min(1, len(ours) - 1)


def _by_threshold(found: re.Match[str]) -> str:
    if found[1]:
        return "alike" if float(found[1]) >= 0.85 else "somewhat alike"
    return "one slip" if int(found[2]) <= 1 else "two slips"
