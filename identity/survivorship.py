"""The rules of survivorship that people chose, by attribute: every version is kept, the last one counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

from cdp import audit
from cdp.catalogue import paths, snapshot
from cdp.catalogue.declare import raise_version
from cdp.sources.models import Source
from identity.models import AttributeRule
from identity.strategies import DEFAULT, DEFAULTS, InvalidRule, Rule, check

log = structlog.get_logger(__name__)
_current: tuple[object, Mapping[str, Rule]] = (None, DEFAULTS)


class StaleRule(Exception):
    """Somebody else changed the rule meanwhile."""


def current() -> Mapping[str, Rule]:
    """The rules of now, by trait; DEFAULT for a trait that is absent. Remembered with the catalogue's snapshot, so that it
    costs no query and is at most a second behind: `recompute` begins later than that."""
    global _current
    catalogue = snapshot.current()
    if _current[0] is not catalogue:
        chosen = {row.trait: Rule(tuple(row.steps), tuple(row.sources)) for row in _latest() if row.steps}
        _current = (catalogue, {**DEFAULTS, **chosen})
    return _current[1]


def default(trait: str) -> Rule:
    """The rule of a trait for which nobody chose one."""
    return DEFAULTS.get(trait, DEFAULT)


def attributes() -> list[str]:
    """The traits that a rule can be for, sorted: declared, or with a declared part (an object is one value)."""
    return sorted({head(path) for path in snapshot.current().classes("trait")})


def head(path: str) -> str:
    """The trait that a declared path is part of."""
    return paths.steps(path)[0][0]


def is_list(trait: str) -> bool:
    """Whether the trait is declared as a list."""
    info = snapshot.current().declared("trait", paths.escape(trait))
    return info is not None and info.type == "list"


def _latest() -> Sequence[AttributeRule]:
    return list(AttributeRule.objects.order_by("trait", "-version").distinct("trait"))


def latest() -> dict[str, AttributeRule]:
    """The version that counts, of every trait that ever had one."""
    return {row.trait: row for row in _latest()}


def versions(trait: str) -> list[AttributeRule]:
    """All versions of a trait's rule, the latest first."""
    return list(AttributeRule.objects.filter(trait=trait).order_by("-version"))


def rule_of(row: AttributeRule | None, trait: str) -> Rule:
    """What a version says."""
    return Rule(tuple(row.steps), tuple(row.sources)) if row and row.steps else default(trait)


def check_for(trait: str, rule: Rule) -> None:
    """Raises InvalidRule for a rule that this attribute cannot have."""
    if trait not in attributes():
        raise InvalidRule(
            "attribute", "Declare the attribute in the catalogue first: only then its name may stand in clear."
        )
    check(rule, is_list=is_list(trait))
    if Source.objects.filter(id__in=rule.sources).count() < len(rule.sources):
        raise InvalidRule("sources", "One of these sources does not exist.")


def change(
    trait: str, rule: Rule | None, *, by: audit.Actor, at: datetime, version: int | None = None, request_id: str = ""
) -> AttributeRule:
    """Chooses a rule for an attribute from now on; None: the default again. Stored golden records follow in the background
    (`identity.recompute`). The rule that it has already changes nothing. Raises InvalidRule, and StaleRule when `version` (0:
    none yet) is no longer the last."""
    if rule is not None:
        check_for(trait, rule)
    with transaction.atomic():
        raise_version()  # one at a time
        before = AttributeRule.objects.filter(trait=trait).order_by("-version").first()
        number = before.version if before else 0
        if version is not None and version != number:
            raise StaleRule
        old, new = rule_of(before, trait), rule or default(trait)
        if old == new and before is not None:
            return before
        row = AttributeRule.objects.create(
            trait=trait, version=number + 1, steps=list(rule.steps) if rule else [], sources=list(rule.sources) if rule else [],
            actor=f"{by.kind}:{by.id}"[:80], finished_at=at if old == new else None,
        )  # fmt: skip
        audit.record(
            "survivorship.change", by=by, object=("attribute_rule", row.id), fields=[trait], request_id=request_id,
            details={"version": row.version, "before": described(old), "after": described(new)},
        )  # fmt: skip
        transaction.on_commit(_begin)
    return row


def _begin() -> None:
    """Wakes the job once every process knows the rule. Without a broker the calendar finds it a minute later."""
    from identity.tasks import SOON, apply_rules

    try:
        apply_rules.apply_async(countdown=SOON)
    except OperationalError:
        log.warning("survivorship.no_broker")


def described(rule: Rule) -> dict[str, Any]:
    """What the audit trail says of a rule."""
    return {"steps": list(rule.steps), "sources": [str(id) for id in rule.sources]}


def names_of(sources: Sequence[UUID]) -> dict[UUID, str]:
    """What sources are called."""
    return dict(Source.objects.filter(id__in=sources).values_list("id", "name"))
