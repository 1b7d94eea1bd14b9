"""Where the records of the input have gone: external key -> stored record -> profile, by blind index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

import pandas as pd
from django.db import connection

from cdp.catalogue.identifiers import normalise
from cdp.sources.lookup import SourceInfo
from cdp.vault import blind


class Whereabouts:
    """Finds the profile of a record that a system calls by some key: a user id, else an anonymous id."""

    def __init__(self, sources: Mapping[str, SourceInfo]) -> None:
        self._sources = sources
        self._found: dict[str, dict[str, UUID]] = {name: {} for name in sources}

    @cached_property
    def _stored(self) -> dict[tuple[UUID, UUID], UUID]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT source_id, key_digest, profile_id FROM identity_record")
            return {(source, digest): profile for source, digest, profile in cursor.fetchall()}

    def find(self, system: str, keys: Iterable[str]) -> dict[str, UUID]:
        """Key -> profile, for those keys that are a record's."""
        known, source = self._found[system], self._sources[system]
        new = [key for key in dict.fromkeys(keys) if key not in known]
        for kind in ("anonymous_id", "user_id"):
            spelt = {key: plain for key in new if (plain := normalise(kind, key, region=source.region)) is not None}
            prefix = f"{source.namespace}\0" if kind == "user_id" else ""
            digests = blind.index_many(kind, [prefix + plain for plain in spelt.values()])
            for key, digest in zip(spelt, digests, strict=True):
                profile = self._stored.get((source.id, digest))
                if profile is not None:
                    known[key] = profile
        return known

    def known(self) -> list[dict[str, UUID]]:
        """What was found so far: key -> profile of each system."""
        return list(self._found.values())

    def profiles(self, system: str, keys: pd.Series[Any]) -> pd.Series[Any]:
        """The profile of each row. Raises LookupError when a row has none: an event of the input is not stored."""
        found = keys.map(self.find(system, keys.unique()))
        if found.isna().any():
            raise LookupError(f"{system}: {int(found.isna().sum())} rows are in no profile")
        return found

    @cached_property
    def identifiers(self) -> dict[UUID, set[UUID]]:
        """Profile -> the digests of all its identifiers, without those that are too widely shared or junk."""
        held: dict[UUID, set[UUID]] = defaultdict(set)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT r.profile_id, e.digest FROM identity_evidence e JOIN identity_record r ON r.id = e.record_id"
                " WHERE e.digest NOT IN (SELECT digest FROM identity_retiredvalue)"
            )
            for profile, digest in cursor.fetchall():
                held[profile].add(digest)
        return held
