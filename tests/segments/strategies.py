"""Random rules and random people, with values that meet each other's thresholds often."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.segments.oracle import Happened, Someone
from tests.segments.world import NOW

TYPES = {
    "country": "text", "plan": "text", "age": "number", "vip": "boolean", "joined": "date", "seen": "datetime",
    "tags": "list", "address.country": "text", "revenue": "number", "coupon": "text", "gift": "boolean",
    "delivered": "datetime", "products[].category": "text", "products[].price": "number",
}  # fmt: skip
TRAITS = ("country", "plan", "age", "vip", "joined", "seen", "tags", "address.country")
PROPERTIES = ("revenue", "coupon", "gift", "delivered", "products[].category", "products[].price")
EVENTS = ("Order Completed", "Product Viewed")
PURPOSES = ("newsletter", "profiling")

_texts = st.sampled_from(["NL", "DE", "gold", "go", "x%s'\"\\", ""])
_numbers = st.one_of(st.integers(-3, 60), st.sampled_from([0.1, 0.2, 0.3, 19.99, 1e6]))
_days = st.sampled_from([0.5, 1, 2, 7, 30])
_offsets = st.one_of(
    st.integers(-4, 40).map(lambda d: timedelta(days=d)), st.integers(-90000, 90000).map(lambda s: timedelta(seconds=s))
)
_moments = _offsets.map(lambda back: NOW - back)
_dates = st.integers(-4, 40).map(lambda back: (NOW - timedelta(days=back)).date().isoformat())
_datetimes = st.one_of(
    _moments.map(lambda it: it.isoformat()), _moments.map(lambda it: it.isoformat()[:-6] + "Z"), _dates
)
_VALUES: dict[str, Any] = {
    "text": _texts,
    "number": _numbers,
    "boolean": st.booleans(),
    "date": _dates,
    "datetime": _datetimes,
    "list": st.lists(_texts, max_size=3),
}
_junk = st.sampled_from([None, 7, "7", True, [], {}])


def value(name: str) -> Any:
    return st.one_of(_VALUES[TYPES[name]], _VALUES[TYPES[name]], _VALUES[TYPES[name]], _junk)


@st.composite
def tests(draw: Any, kind: str, relative: bool) -> dict[str, Any]:
    operand = _VALUES["text" if kind == "list" else kind]
    short = operand.filter(bool) if kind in {"text", "list"} else operand
    choices: dict[str, Any] = {}
    if kind == "list":
        choices = {"has": operand, "contains": short, "in": st.lists(operand, min_size=1, max_size=3)}
    elif kind != "datetime":
        choices = {"is": operand, "is_not": operand}
    if kind in {"text", "number"}:
        choices |= {
            "in": st.lists(operand, min_size=1, max_size=3),
            "not_in": st.lists(operand, min_size=1, max_size=3),
        }
    if kind == "text":
        choices |= {"contains": short, "starts": short}
    if kind in {"number", "date", "datetime"}:
        choices |= dict.fromkeys(("gt", "gte", "lt", "lte"), operand)
        choices["between"] = st.lists(operand, min_size=2, max_size=2)
    if kind in {"date", "datetime"} and relative:
        choices |= {"older_than_days": _days, "newer_than_days": _days}
    choices["exists"] = st.booleans()
    chosen = draw(st.lists(st.sampled_from(sorted(choices)), min_size=1, max_size=2, unique=True))
    return {op: draw(choices[op]) for op in chosen}


@st.composite
def counts(draw: Any, operand: Any) -> dict[str, Any]:
    op = draw(st.sampled_from(["is", "is_not", "gt", "gte", "lt", "lte", "between"]))
    return {op: draw(st.lists(operand, min_size=2, max_size=2) if op == "between" else operand)}


@st.composite
def event_rules(draw: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {"event": draw(st.sampled_from(EVENTS))}
    aggregate = draw(st.sampled_from(["none", "count", "sum", "avg", "min", "max", "distinct", "first", "last"]))
    if aggregate == "count":
        rule["count"] = draw(counts(st.integers(0, 5)))
    elif aggregate in {"sum", "avg", "min", "max"}:
        of = draw(st.sampled_from(["revenue", "products[].price"]))
        rule[aggregate] = {"of": of} | draw(counts(_numbers))
    elif aggregate == "distinct":
        rule["distinct"] = {"of": draw(st.sampled_from(PROPERTIES))} | draw(counts(st.integers(0, 4)))
    elif aggregate in {"first", "last"}:
        of = draw(st.sampled_from([None, "revenue", "coupon", "gift", "delivered"]))
        rule[aggregate] = ({"of": of} if of else {}) | draw(tests(TYPES[of] if of else "datetime", True))
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(PROPERTIES), min_size=1, max_size=2))
        rule["where"] = [{"property": name} | draw(tests(TYPES[name], False)) for name in names]
    window = draw(st.sampled_from(["ever", "days", "between"]))
    if window == "days":
        rule["within"] = {"days": draw(_days)}
    elif window == "between":
        ends = sorted(draw(st.lists(_dates, min_size=2, max_size=2, unique=True)))
        keys = draw(st.sampled_from([("from", "to"), ("from",), ("to",)]))
        rule["within"] = dict(zip(keys, ends, strict=False))
    return rule


@st.composite
def trait_rules(draw: Any) -> dict[str, Any]:
    name = draw(st.sampled_from(TRAITS))
    return {"trait": name} | draw(tests(TYPES[name], True))


def rules(segments: tuple[str, ...] = (), purposes: tuple[str, ...] = ()) -> Any:
    leaves = [trait_rules(), event_rules(), event_rules()]
    if segments:
        leaves.append(st.builds(lambda s, m: {"segment": s, "member": m}, st.sampled_from(segments), st.booleans()))
    if purposes:
        leaves.append(st.builds(lambda p, a: {"consent": p, "allowed": a}, st.sampled_from(purposes), st.booleans()))
    return st.recursive(
        st.one_of(*leaves),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=6,
    )


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    if "address.country" in flat:
        flat["address"] = {"country": flat.pop("address.country")}
    return flat


_facts = st.fixed_dictionaries({}, optional={name: value(name) for name in TRAITS}).map(nested)
_line = st.fixed_dictionaries({}, optional={"category": value("coupon"), "price": value("revenue")})
_properties = st.fixed_dictionaries(
    {},
    optional={name: value(name) for name in ("revenue", "coupon", "gift", "delivered")}
    | {"products": st.lists(_line, max_size=3)},
)


@st.composite
def people(draw: Any) -> Someone:
    times = draw(st.lists(_moments, max_size=6, unique=True))
    events = [Happened(draw(st.sampled_from(EVENTS)), at, draw(_properties)) for at in times]
    return Someone(draw(_facts), events)
