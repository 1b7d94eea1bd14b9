"""What the pages of survivorship show: the attributes with their rules, one rule with its versions, what another would change."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse

from cdp.access.masking import rounded
from cdp.access.principals import audited, holds, purpose_of, sees_rounded
from cdp.catalogue import snapshot
from cdp.console import names, shown
from cdp.sources import lookup
from cdp.sources.models import Source
from identity import preview, survivorship
from identity.golden import Survivor
from identity.models import AttributeRule, Profile
from identity.profilerows import STEWARD
from identity.strategies import MOST_STEPS, UNION, Rule
from identity.traits import leaves

SHOWN = 12
_MOST_SOURCES = 3
# What a step is called, and what it keeps of the values that are left.
STEPS = {
    "source_priority": ("Source priority", "those of the best source"),
    "most_recent": ("Most recent", "the one observed last"),
    "most_frequent": ("Most frequent", "the one that most records say"),
    "longest": ("Longest", "the one with most characters"),
    "verified_first": ("Verified first", "those that their record calls verified (email_verified, emailVerified)"),
    "well_written": ("Well written", "those in mixed case, not all capitals or all small"),
    "earliest_value": ("Earliest value", "the smallest: for moments the earliest"),
    UNION: ("Union", "all members of all lists; stands alone"),
}


class RuleForm(forms.Form):
    """A rule as it is chosen: up to five steps, up to three sources of its own order."""

    def __init__(self, *args: Any, trait: str, rule: Rule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [(key, title) for key, (title, _) in STEPS.items() if key != UNION or survivorship.is_list(trait)]
        for number in range(MOST_STEPS):
            label, chosen = "First" if number == 0 else "then", rule.steps[number] if number < len(rule.steps) else ""
            self.fields[f"step_{number}"] = _choice([("", "–"), *offered], chosen, label)
        sources = [
            ("", "–"),
            *((str(id), name) for id, name in Source.objects.order_by("name").values_list("id", "name")),
        ]
        for number in range(max(_MOST_SOURCES, len(rule.sources))):
            chosen = str(rule.sources[number]) if number < len(rule.sources) else ""
            self.fields[f"source_{number}"] = _choice(sources, chosen, f"Source {number + 1}")

    def _filled(self, prefix: str) -> list[str]:
        return [value for name, value in self.cleaned_data.items() if name.startswith(prefix) and value]

    def rule(self) -> Rule:
        """What was chosen, gaps closed. For a valid form."""
        return Rule(tuple(self._filled("step_")), tuple(UUID(it) for it in self._filled("source_")))

    @property
    def steps(self) -> list[Any]:
        """The fields of the steps."""
        return [it for it in self if it.name.startswith("step_")]

    @property
    def sources(self) -> list[Any]:
        """The fields of the sources."""
        return [it for it in self if it.name.startswith("source_")]


def _choice(choices: Sequence[tuple[str, str]], initial: str, label: str) -> forms.ChoiceField:
    widget = forms.Select(attrs={"class": "in", "aria-label": label})
    return forms.ChoiceField(choices=choices, initial=initial, label=label, required=False, widget=widget)


def words(rule: Rule, called: dict[UUID, str]) -> str:
    """A rule as people say it."""
    said = []
    for step in rule.steps:
        order = (
            ", ".join(called.get(id, "a deleted source") for id in rule.sources) if step == "source_priority" else ""
        )
        said.append(STEPS[step][0].lower() + (f" ({order} first)" if order else ""))
    return ", then ".join(said)


def coarse(request: HttpRequest) -> bool:
    """Does the reader see rounded counts alone: no people, or rounded everywhere?"""
    return not holds(request, "profiles:read") or sees_rounded(request)


def _count(request: HttpRequest) -> Callable[[int], int]:
    return rounded if coarse(request) else int


def listing(request: HttpRequest) -> dict[str, Any]:
    """Every attribute with its rule; those that several records say first. Counts as the reader may see them."""
    count, latest = _count(request), survivorship.latest()
    uses = {trait: preview.Use(count(it.profiles), count(it.contested)) for trait, it in preview.in_use().items()}
    classes = snapshot.current().classes("trait")
    called = survivorship.names_of([id for row in latest.values() for id in row.sources])
    actors = _people(row.actor for row in latest.values())
    rows: list[dict[str, Any]] = []
    for trait in survivorship.attributes():
        row, use = latest.get(trait), uses.get(trait, preview.Use())
        rows.append(
            {
                "trait": trait,
                "class": classes.get(trait, "object"),
                "use": use,
                "rule": words(survivorship.rule_of(row, trait), called),
                "own": bool(row and row.steps),
                "row": row,
                "by": actors.get(row.actor, row.actor) if row else "",
            }
        )
    rows.sort(key=lambda it: (not it["row"], -it["use"].contested, -it["use"].profiles, it["trait"]))
    return {
        "used": [it for it in rows if it["row"] or it["use"].profiles],
        "unused": [it for it in rows if not it["row"] and not it["use"].profiles],
        "coarse": coarse(request),
    }


def one(request: HttpRequest, trait: str, form: RuleForm) -> dict[str, Any]:
    """The page of one attribute's rule."""
    versions = [_counted(request, it) for it in survivorship.versions(trait)]
    actors = _people(it.actor for it in versions)
    called = survivorship.names_of([id for it in versions for id in it.sources])
    latest = versions[0] if versions else None
    return {
        "trait": trait,
        "form": form,
        "steps_said": [says for key, says in STEPS.items() if key != UNION or survivorship.is_list(trait)],
        "version": latest.version if latest else 0,
        "own": bool(latest and latest.steps),
        "job": latest,
        "rule": words(survivorship.rule_of(latest, trait), called),
        "default": words(survivorship.default(trait), {}),
        "history": [
            {
                "row": row,
                "who": actors.get(row.actor, row.actor),
                "before": words(survivorship.rule_of(before, trait), called),
                "after": words(survivorship.rule_of(row, trait), called),
                "default": not row.steps,
            }
            for row, before in zip(versions, [*versions, None][1:], strict=True)
        ],
    }


def _people(actors: Iterable[str]) -> dict[str, str]:
    """Names of actors that are users ("user:7")."""
    ids = {int(id) for kind, _, id in (it.partition(":") for it in actors) if kind == "user" and id.isdigit()}
    return {f"user:{pk}": name for pk, name in User.objects.filter(pk__in=ids).values_list("pk", "username")}


def progress(request: HttpRequest, trait: str) -> AttributeRule | None:
    """The job of an attribute's last version."""
    row = survivorship.latest().get(trait)
    return _counted(request, row) if row else None


def _counted(request: HttpRequest, row: AttributeRule) -> AttributeRule:
    """A version, not to be saved: how many people its job was about as the reader may see it."""
    count = _count(request)
    row.looked_at, row.changed = count(row.looked_at), count(row.changed)
    row.total = None if row.total is None else count(row.total)
    return row


def previewed(request: HttpRequest, trait: str, rule: Rule, *, at: datetime) -> dict[str, Any]:
    """What a rule would change, as far as the reader may see it: names and values masked, counts rounded for who sees no
    people. Writes an audit entry. Raises InvalidRule."""
    found = preview.preview(trait, rule, at=at, purpose=purpose_of(request))
    few, count = coarse(request), _count(request)
    changed = [] if few else [it for it in found.outcomes if it.differs][:SHOWN]
    audited(
        request, "survivorship.preview", object=("attribute_rule", ""), fields=[trait],
        subjects={it.record for one in changed for it in (one.now, one.then)}, rows=len(changed),
        details={"looked_at": found.looked_at, "changed": found.changed},
    )  # fmt: skip
    looked_at, moved = count(found.looked_at), count(found.changed)
    return {
        "looked_at": looked_at, "changed": moved, "unchanged": looked_at - moved, "typed": count(found.typed), "coarse": few,
        "none": not looked_at, "same": rule == survivorship.current().get(trait, survivorship.default(trait)),
        "share": 100 * moved // looked_at if looked_at else 0, "rows": _rows(changed),
    }  # fmt: skip


def _rows(outcomes: Sequence[preview.Outcome]) -> list[dict[str, Any]]:
    called = names.of_profiles(Profile.objects.filter(id__in=[it.profile_id for it in outcomes]))
    sources = lookup.load({side.source for it in outcomes for side in (it.now, it.then)} - {STEWARD})
    labels = {id: source.name for id, source in sources.items()} | {STEWARD: "steward"}
    return [
        {
            "id": it.profile_id,
            "link": reverse("admin:identity_profile_change", args=[it.profile_id]),
            "name": called.get(it.profile_id, names.NOBODY),
            "sides": [_side(side, labels) for side in (it.now, it.then)],
        }
        for it in outcomes
    ]


def _side(side: Survivor, labels: dict[UUID, str]) -> dict[str, Any]:
    classes = snapshot.current().classes("trait")
    facts = {path for path, _ in leaves(side.trait, side.fact[0])} if side.fact else set()
    values = []
    for path, value in leaves(side.trait, side.value):
        data_class = "fact" if path in facts else classes.get(path, "undeclared")
        label = shown.name(path, data_class, open=False).removeprefix(f"{side.trait}.")
        values.append(("" if path == side.trait else label, shown.value(path, value, data_class, open=False)))
    several = f"{len(side.records)} records" if side.records else labels.get(side.source, "")
    return {"values": values[:4], "source": several, "rule": side.rule, "at": side.at}
