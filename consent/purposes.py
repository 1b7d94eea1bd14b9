"""Purposes, notices and the Global Privacy Control signal."""

import hashlib
import re
from datetime import datetime
from uuid import UUID

from django.db import transaction

from cdp import audit
from consent.models import Basis, Notice, Purpose, Status
from consent.record import Statement

_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")


class InvalidPurpose(ValueError):
    """A purpose or notice cannot be made as asked; `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def ensure_purpose(
    key: str, *, basis: str, by: audit.Actor, name: str = "", description: str = "", opt_out_by_gpc: bool = False
) -> tuple[Purpose, bool]:
    """The purpose with this key, made if there is none; and whether it was made. One that exists is left as it is."""
    if not _KEY.fullmatch(key):
        raise InvalidPurpose("key", "a key is 1 to 60 letters, digits, hyphens or underscores")
    if basis not in Basis.values:
        raise InvalidPurpose("basis", f"a legal basis is one of {', '.join(Basis.values)}")
    with transaction.atomic():
        purpose, made = Purpose.objects.get_or_create(
            key=key,
            defaults={
                "basis": basis,
                "name": name or key.replace("_", " ").replace("-", " ").capitalize(),
                "description": description,
                "opt_out_by_gpc": opt_out_by_gpc,
            },
        )
        if made:
            details = {"key": key, "basis": basis, "opt_out_by_gpc": opt_out_by_gpc}
            audit.record(
                "purpose.create", by=by, object=("purpose", purpose.id), purpose=key, basis=basis, details=details
            )
    return purpose, made


def publish_notice(purpose: str, *, version: str, text: str, by: audit.Actor, language: str = "en") -> Notice:
    """Keeps the exact text that people are shown. A version is never changed: a new text is a new version."""
    if not Purpose.objects.filter(key=purpose).exists():
        raise InvalidPurpose("purpose", "there is no such purpose")
    with transaction.atomic():
        notice, made = Notice.objects.get_or_create(
            purpose=purpose,
            version=version,
            language=language,
            defaults={"text": text, "text_hash": hashlib.sha256(text.encode()).digest()},
        )
        if not made:
            raise InvalidPurpose("version", "this version exists in this language; a new text is a new version")
        audit.record(
            "notice.publish",
            by=by,
            object=("notice", notice.id),
            purpose=purpose,
            details={"version": version, "language": language, "sha256": notice.text_hash.hex()},
        )
    return notice


def gpc_statements(
    subjects: tuple[UUID, ...], *, at: datetime, cause: UUID, source_id: UUID | None = None
) -> list[Statement]:
    """What `Sec-GPC: 1` says (W3C Global Privacy Control): a withdrawal of each purpose that it opts out of."""
    opted = Purpose.objects.filter(opt_out_by_gpc=True).order_by("key").values_list("key", "basis")
    return [
        Statement(
            subjects=subjects,
            purpose=key,
            status=Status.WITHDRAWN,
            basis=basis,
            effective_from=at,
            cause=cause,
            channel="web",
            method="gpc",
            source_id=source_id,
        )
        for key, basis in opted
    ]
