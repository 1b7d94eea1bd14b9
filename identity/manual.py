"""Values that a steward typed about a person: they outweigh what sources say, until they are withdrawn.

A typed value is kept with the record that its profile began with, sealed under that record's key. So it goes where the profile's
id goes when people are merged and parted, is there after every rebuild, and is gone when the record is erased.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from cdp import audit, outbox
from cdp.catalogue import paths, snapshot
from cdp.catalogue.identifiers import normalise
from cdp.vault import keys
from identity import history, locks, profilerows, records
from identity.models import Profile
from identity.records import Rec
from identity.survivorship import attributes
from identity.traits import canonical, leaves, stamp

LONGEST = 2000
MOST_MEMBERS = 100
SHORTEST_REASON = 10
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class InvalidValue(ValueError):
    """A value that cannot be typed for a trait; `path` names it, the text says what to do. Neither holds the value."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class NobodyThere(LookupError):
    """No profile answers for the id."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What came of it: the profile that answers for the id, and the traits whose typed value is another than before."""

    profile_id: UUID
    traits: tuple[str, ...]


def correct(
    profile_id: UUID,
    values: Mapping[str, Any],
    *,
    by: audit.Actor,
    at: datetime,
    reason: str,
    purpose: str = "operate",
    request_id: str = "",
    still: Callable[[], None] | None = None,
) -> Corrected:
    """Types values of a person's traits; None withdraws what was typed, and sources have their say again. A trait is one value:
    an object is typed whole. What is so already changes nothing. Raises InvalidValue (nothing is changed then), NobodyThere.

    The caller has asked whether the person may be read for the purpose. `still` is asked once nobody else can change
    people: what it raises ends it, and nothing is changed."""
    if len(reason.strip()) < SHORTEST_REASON:
        raise InvalidValue("reason", f"Say why in at least {SHORTEST_REASON} letters: somebody else will want to know.")
    for trait, value in values.items():
        check(trait, value)
    with transaction.atomic():
        locks.take()
        home = history.resolve_id(profile_id)
        if home is None:
            raise NobodyThere
        if still is not None:
            still()
        scene = records.by_profile([home])
        altered, traits = _write(scene, _keeper(home, scene), values, at=at)
        if traits:
            records.update_manual(altered, keys.load([rec.id for rec in altered]))
            outbox.changed(sorted({home, *profilerows.refresh([home], at=at)}), reason="identity")
            withdrawn = sum(values[trait] is None for trait in traits)
            audit.record(
                "profile.correct", by=by, object=("profile", home), subjects=sorted(scene), fields=traits, purpose=purpose,
                reason=reason.strip(), rows=len(traits), request_id=request_id,
                details={"typed": len(traits) - withdrawn, "withdrawn": withdrawn},
            )  # fmt: skip
    return Corrected(home, tuple(traits))


def _keeper(profile_id: UUID, scene: Mapping[UUID, Rec]) -> UUID:
    """The record that a profile's typed values are kept with."""
    founder = Profile.objects.values_list("founder", flat=True).get(pk=profile_id)
    return profilerows.founder_of(founder, list(scene), scene)


def _write(
    scene: Mapping[UUID, Rec], keeper: UUID, values: Mapping[str, Any], *, at: datetime
) -> tuple[list[Rec], list[str]]:
    """Changes what is typed, in memory: the records concerned, and the traits. What came with merged profiles gives way."""
    altered: dict[UUID, Rec] = {}
    moved = []
    for trait, value in sorted(values.items()):
        holders = [rec for rec in scene.values() if trait in rec.manual]
        said = [rec.manual[trait][0] for rec in holders]
        if (not said) if value is None else [canonical(it) for it in said] == [canonical(value)]:
            continue
        for rec in holders:
            del rec.manual[trait]
            altered[rec.id] = rec
        if value is not None:
            scene[keeper].manual[trait] = [value, stamp(at)]
            altered[keeper] = scene[keeper]
        moved.append(trait)
    return list(altered.values()), moved


def check(trait: str, value: Any) -> None:
    """Raises InvalidValue for what cannot be typed. None, which withdraws, always can."""
    if trait not in attributes():
        raise InvalidValue("", "Only attributes that the catalogue declares can be typed: declare this one first.")
    if value is None:
        return
    catalogue, place = snapshot.current(), paths.escape(trait)
    split = catalogue.split("trait", {trait: value})
    facts = {path for path, _ in leaves(place, split.facts[trait])} if trait in split.facts else set()
    for path, leaf in leaves(place, value):
        info = catalogue.declared("trait", path)
        if info is None:  # a name that nobody declared is not repeated
            raise InvalidValue(
                trait, "It has a part that is not declared in the catalogue: leave that out, or declare it."
            )
        if info.data_class == "fact" and path not in facts:
            raise InvalidValue(
                path,
                f"The catalogue declares a {info.type} here, perhaps of a fixed form (such as a code), that names no person.",
            )
        _check_plain(path, leaf)
        if info.identifier and normalise(info.identifier, leaf, region=settings.REGION) is None:
            raise InvalidValue(path, f"This is no {info.identifier.replace('_', ' ')}.")


def _check_plain(path: str, leaf: Any) -> None:
    members = leaf if isinstance(leaf, list) else [leaf]
    if not members or len(members) > MOST_MEMBERS:
        raise InvalidValue(path, f"A list has 1 to {MOST_MEMBERS} members; to withdraw, send null.")
    for it in members:
        if isinstance(it, dict | list) or it is None or (isinstance(it, str) and not it.strip()):
            raise InvalidValue(path, "Type a text, a number, yes or no, or a list of them; to withdraw, send null.")
        if isinstance(it, str) and (len(it) > LONGEST or _UNSTORABLE.search(it)):
            raise InvalidValue(path, f"A text has at most {LONGEST} characters, and none that cannot be stored.")
