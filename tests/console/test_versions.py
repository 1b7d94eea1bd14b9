"""Versions of the matching model in admin: what changes is said before it is done."""

from datetime import timedelta

import pytest
from django.urls import reverse

from identity.models import MatchModel, Record
from tests.console.conftest import NOW, World, signed_in
from tests.console.test_pages import page_of, shows
from tests.people import ALICE

pytestmark = pytest.mark.django_db


def test_a_version_is_put_in_force_only_after_a_look_at_what_would_change(world: World) -> None:
    client = signed_in("steward")
    estimated = {"precision": 0.9876, "recall": 0.8765, "pairs": 4321}
    live, new = (
        MatchModel.objects.create(
            version=n, state=state, sealed=b"x", trained_at=NOW, activated_at=NOW - timedelta(days=9), summary=summary
        )
        for n, state, summary in ((1, "active", {}), (2, "trained", {"estimated": estimated, "labels": 33}))
    )
    ask = reverse("admin:console_quality_confirm", args=[2])
    assert ask in page_of(client, reverse("admin:console_quality"))[1]
    text = page_of(client, ask)[1]
    for words in ("Nobody has compared", "Compare first", "0.988", "0.877", "33", "in force"):
        assert words in text, words
    unsure = client.post(reverse("admin:console_quality_activate"), {"version": "2"}, follow=True)
    assert "Nothing was changed" in unsure.content.decode()
    records = Record.objects.count()
    ids = [str(world.alice), str(world.bob)]
    new.comparison = {
        "at": (NOW - timedelta(hours=3)).isoformat(), "records": records, "of": records, "links": 1,
        "profiles": 2, "profiles_after": 1, "merging": 2, "parting": 1, "merging_sample": [ids], "parting_sample": ids[:1],
    }  # fmt: skip
    new.save()
    text = page_of(client, ask)[1]
    assert '<span class="strong">2</span> profiles would merge' in text
    assert "Use version 2" in text
    assert "is old" not in text
    assert not shows(text, ALICE)
    for change, why in (
        ({"of": 1}, "there were 1 records then"),
        ({"at": (NOW - timedelta(days=10)).isoformat()}, "version 1"),
    ):
        new.comparison |= change
        new.save()
        text = page_of(client, ask)[1]
        assert "is old" in text
        assert why in text
        assert "Compare again" in text
    done = client.post(reverse("admin:console_quality_activate"), {"version": "2", "sure": "1"}, follow=True)
    assert "Records are scored anew" in done.content.decode()
    assert MatchModel.objects.get(state="active").version == 2
    MatchModel.objects.update(job="")
    assert "Stop using version 2" in page_of(client, ask)[1]
    client.post(reverse("admin:console_quality_deactivate"))
    assert MatchModel.objects.filter(state="active").exists()
    client.post(reverse("admin:console_quality_deactivate"), {"sure": "1"})
    assert not MatchModel.objects.filter(state="active").exists()
    assert client.get(reverse("admin:console_quality_confirm", args=[live.version + 7])).status_code == 404
    assert signed_in("analyst").get(ask).status_code == 403
