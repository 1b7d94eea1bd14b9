"""A rule as a sentence that a person can read. Pure."""

from zoneinfo import ZoneInfo

from segments.nodes import All, Any, Comparison, Consent, Event, InSegment, Node, Not, Test, Trait, Window, moment

_OPS = {
    "is": "is",
    "in": "is one of",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "between": "is between",
    "contains": "contains",
    "starts": "starts with",
    "older_than": "is at least",
    "newer_than": "is less than",
}
_TIMES = {"gt": "is after", "gte": "is not before", "lt": "is before", "lte": "is not after"}
_UNITS = ((86_400_000_000, "day"), (3_600_000_000, "hour"), (60_000_000, "minute"))
_OF = {
    "sum": "total {of} of",
    "avg": "average {of} of",
    "min": "smallest {of} of",
    "max": "largest {of} of",
    "distinct": "number of different {of} of",
    "first": "first {of} of",
    "last": "last {of} of",
}


def sentence(node: Node, zone: ZoneInfo) -> str:
    """The rule in words: "country is NL, and 3 or more Order Completed in the last 30 days"."""
    match node:
        case All(parts) | Any(parts):
            if not parts:
                return "nobody" if isinstance(node, Any) else "everybody"
            word = ", and " if isinstance(node, All) else ", or "
            inner = [sentence(part, zone) for part in parts]
            nested = [
                f"({text})" if isinstance(part, All | Any) and len(part.parts) > 1 else text
                for part, text in zip(parts, inner, strict=True)
            ]
            return word.join(nested)
        case Not(part):
            return f"not ({sentence(part, zone)})"
        case InSegment(key, member):
            return f"{'is' if member else 'is not'} in segment {key}"
        case Consent(purpose, allowed):
            return f"{'permits' if allowed else 'does not permit'} {purpose}"
        case Trait():
            return words_of(node.test, node.path.name, zone)
        case Event():
            return _event(node, zone)


def _event(node: Event, zone: ZoneInfo) -> str:
    where = " and ".join(words_of(it.test, it.path.name, zone) for it in node.where)
    what = f"{node.label}{f' (where {where})' if where else ''}{_window(node.window, zone)}"
    if node.aggregate == "count":
        return words_of(node.test, f"number of {what}", zone)
    if node.of is None:
        return words_of(node.test, f"{node.aggregate} {what}", zone)
    return words_of(node.test, f"{_OF[node.aggregate].format(of=node.of.name)} {what}", zone)


def _window(window: Window, zone: ZoneInfo) -> str:
    if window.last is not None:
        return f" in the last {length(window.last)}"
    parts = [
        f" {word} {_when(end, zone)}"
        for word, end in (("from", window.start), ("before", window.end))
        if end is not None
    ]
    return "".join(parts)


def words_of(test: Test, subject: str, zone: ZoneInfo) -> str:
    """A test of a subject: "age is at least 18 and is less than 65"."""
    parts = [] if test.exists is None else ["is known" if test.exists else "is not known"]
    parts += [_words(it, test.kind, zone) for it in test.positive]
    parts += [_words(it, test.kind, zone).replace("is ", "is not ", 1) for it in test.negative]
    return f"{subject} {' and '.join(parts)}"


def _words(it: Comparison, kind: str, zone: ZoneInfo) -> str:
    op = _TIMES.get(it.op, _OPS[it.op]) if kind == "time" else _OPS[it.op]
    if it.op in {"older_than", "newer_than"}:
        return f"{op} {length(it.operand)} ago"
    return f"{op} {threshold(it, kind, zone)}"


def threshold(it: Comparison, kind: str, zone: ZoneInfo) -> str:
    """A comparison's threshold in words."""
    if it.op in {"older_than", "newer_than"}:
        return length(it.operand)
    if isinstance(it.operand, frozenset):
        return ", ".join(sorted(value(one, kind, zone) for one in it.operand))
    if isinstance(it.operand, tuple):
        return f"{value(it.operand[0], kind, zone)} and {value(it.operand[1], kind, zone)}"
    return value(it.operand, kind, zone)


def value(raw: object, kind: str, zone: ZoneInfo) -> str:
    """One value of a kind in words."""
    if kind == "time":
        return _when(int(str(raw)), zone)
    if kind == "boolean":
        return "yes" if raw else "no"
    return f"“{raw}”" if kind == "text" else str(raw)


def length(micros: object) -> str:
    """A length of time: "30 days"."""
    whole = int(str(micros))
    for size, name in _UNITS:
        if whole % size == 0:
            return f"{whole // size} {name}{'' if whole == size else 's'}"
    return f"{whole / 86_400_000_000:g} days"


def _when(micros: int, zone: ZoneInfo) -> str:
    local = moment(micros).astimezone(zone)
    midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    return local.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M")
