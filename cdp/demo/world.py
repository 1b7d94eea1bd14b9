"""What must be there before the first event: sources, purposes, notices, declared fields, segments, people who sign in.

Everything here can be said twice: what is there already stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp import audit
from cdp.access.keys import create_key, revoke
from cdp.access.models import ApiKey
from cdp.access.roles import ROLES
from cdp.access.users import create_user
from cdp.demo import agreed, catalogue
from cdp.demo.segments import SEGMENTS
from cdp.sources import create as sources
from cdp.sources import lookup
from cdp.sources.lookup import SourceInfo
from cdp.sources.models import Source
from consent.models import Notice
from consent.purposes import ensure_purpose, publish_notice
from segments.define import change, define
from segments.models import Segment

BY = audit.Actor("system", "demo")
REGION = "US"
KEY_NAME = "demo-reader"
KEY_SCOPES = ("profiles:read", "profiles:reveal", "segments:read", "consents:read", "sources:read")
# name -> (kind, namespace of user ids, priority in survivorship). The CRM and the web shop speak of the same customer
# numbers, the loyalty programme and the till of the same cards.
SOURCES = {
    "crm": ("file", "customers", 70),
    "loyalty": ("file", "cards", 60),
    "pos": ("file", "cards", 40),
    "web": ("http", "customers", 50),
}
# Which of the systems a file belongs to.
SOURCE_OF = {"crm": "crm", "loyalty": "loyalty", "mailings": "loyalty", "pos": "pos", "web": "web"}
PURPOSES = {
    "marketing_email": "Offers by e-mail",
    "marketing_sms": "Offers by text message",
    "personalisation": "Pages and offers that fit",
    "profiling": "Conclusions from what was bought",
    "analytics": "Counting and measuring",
}
GPC_ENDS = "profiling"  # what a browser's Global Privacy Control signal opts out of
NOTICES = {
    "newsletter-v2": "Send me offers by e-mail. I can unsubscribe in every message.",
    "sms-v1": "Send me offers by text message. I can stop them with STOP.",
    "card-2024": "You may use what I buy with the card for what I have ticked here. I can change my mind at any counter.",
    agreed.WEB_NOTICE: "We count visits and fit pages to you if you agree. You can change this at the foot of every page.",
}
_WEB_PURPOSES = ("analytics", "personalisation", "marketing_email")


@dataclass(frozen=True)
class World:
    """What the demo needs of what was set up. `write_key`: of the web shop's source; `passwords`: user name -> password."""

    sources: dict[str, SourceInfo]
    write_key: str
    passwords: dict[str, str]
    token: str
    fields: int


def make(*, at: datetime) -> World:
    """Makes (or finds) everything. Passwords, the web shop's write key and the reader's key are new each time, for none of
    them is kept where it could be read again."""
    fields = catalogue.declare_all(by=BY)
    _agreements()
    ids, write_key = _sources()
    for wanted in SEGMENTS:
        _segment(wanted.key, at=at)
    return World(
        sources={name: lookup.load([id])[id] for name, id in ids.items()},
        write_key=write_key,
        passwords={name: create_user(name, name, by=BY)[1] for name, role in ROLES.items() if role.staff},
        token=_reader(at=at),
        fields=fields,
    )


def _agreements() -> None:
    for key, name in PURPOSES.items():
        ensure_purpose(key, basis="consent", name=name, by=BY, opt_out_by_gpc=key == GPC_ENDS)
    shown = {(ask.purpose, ask.notice) for ask in agreed.ASKS} | {(one, agreed.WEB_NOTICE) for one in _WEB_PURPOSES}
    for purpose, version in sorted(shown):
        if not Notice.objects.filter(purpose=purpose, version=version).exists():
            publish_notice(purpose, version=version, text=NOTICES[version], by=BY)


def _sources() -> tuple[dict[str, UUID], str]:
    ids: dict[str, UUID] = {}
    write_key = ""
    for name, (kind, namespace, priority) in SOURCES.items():
        source = Source.objects.filter(name=name).first()
        if source is None:
            source, key = sources.create(name, by=BY, kind=kind, namespace=namespace, priority=priority, region=REGION)
        else:
            key = sources.rotate_write_key(source, BY) if kind == "http" else ""
        ids[name] = source.id
        write_key = key if kind == "http" else write_key
    return ids, write_key


def _segment(key: str, *, at: datetime) -> None:
    wanted = next(one for one in SEGMENTS if one.key == key)
    described: dict[str, Any] = {
        "name": wanted.name, "rule": wanted.rule, "purpose": wanted.purpose,
        "description": wanted.sentence[0].upper() + wanted.sentence[1:] + ".",
    }  # fmt: skip
    known = Segment.objects.filter(key=key).first()
    if known is None:
        define(**described, key=key, by=BY, at=at)
    else:
        change(known.id, by=BY, at=at, **described, enabled=True)


def _reader(*, at: datetime) -> str:
    for old in ApiKey.objects.live(at=at).filter(name=KEY_NAME):
        revoke(old, by=BY, at=at)
    return create_key(KEY_NAME, KEY_SCOPES, BY)[1]
