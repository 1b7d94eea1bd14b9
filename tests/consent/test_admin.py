"""Purposes, notices and the ledger in admin."""

from uuid import UUID, uuid4

import pytest

from cdp.audit.models import Pending
from consent.models import LedgerEntry, Notice, Purpose
from consent.record import Statement, record
from tests.consent.conftest import day
from tests.sources.test_doors import signed_in

pytestmark = pytest.mark.django_db


def test_compliance_defines_purposes_and_publishes_notices() -> None:
    client = signed_in("compliance")
    form = {"key": "news", "name": "Newsletter", "description": "", "basis": "consent", "opt_out_by_gpc": "on"}
    client.post("/admin/consent/purpose/add/", form)
    purpose = Purpose.objects.get(key="news")
    assert purpose.opt_out_by_gpc
    client.post(f"/admin/consent/purpose/{purpose.pk}/change/", form | {"name": "News"})
    purpose.refresh_from_db()
    assert purpose.name == "News"
    assert client.post(f"/admin/consent/purpose/{purpose.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(
        "/admin/consent/notice/add/", {"purpose": "news", "version": "1", "language": "en", "text": "We send news."}
    )
    notice = Notice.objects.get()
    assert client.get("/admin/consent/notice/").status_code == 200
    assert client.post(f"/admin/consent/notice/{notice.pk}/change/", {"text": "x"}).status_code == 403
    actions = set(Pending.objects.values_list("entry__action", flat=True))
    assert {"purpose.create", "purpose.change", "notice.publish"} <= actions


@pytest.mark.parametrize(("role", "sees"), [("compliance", False), ("steward", True)])
def test_the_ledger_is_read_only_and_evidence_is_for_who_may_see_it(role: str, sees: bool, alice: UUID) -> None:
    said = Statement((alice,), "operate", "withdrawn", day(0), uuid4(), evidence="letter from Alice")
    record([said], actor="pipeline", at=day(0))
    client = signed_in(role)
    assert (
        "operate" in client.get("/admin/consent/ledgerentry/?purpose=operate&status__exact=withdrawn").content.decode()
    )
    entry = LedgerEntry.objects.get()
    page = client.get(f"/admin/consent/ledgerentry/{entry.pk}/change/").content.decode()
    assert ("letter from Alice" in page) == sees
    assert Pending.objects.filter(entry__action="ledgerentry.reveal").exists() == sees
    assert client.get("/admin/consent/ledgerentry/add/").status_code == 403
    assert client.post(f"/admin/consent/ledgerentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/admin/consent/purpose/").status_code == 200
