import pytest

from cdp.access.masking import kind_of, mask, mask_traits, rounded
from tests.people import ALICE, CAST


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (ALICE.email, "email", "a•••@•••"),
        (ALICE.email, "", "a•••@•••"),
        ("al@example.com", "email", "•••@•••"),
        (ALICE.phone, "phone", "•••01"),
        ("112", "phone", "•••"),
        ("alice", "name", "A•••"),
        ("李", "name", "李•••"),
        (ALICE.birthday, "date", "••••-••-••"),
        ("4111 1111 1111 1111", "", "•••"),
        (7, "", "•••"),
        (None, "email", ""),
    ],
)
def test_what_is_shown(value: object, kind: str, shown: str) -> None:
    assert mask(value, kind) == shown


def test_nothing_shows_how_long_a_value_is() -> None:
    for kind in ("", "email", "phone", "name", "date"):
        lengths = {len(mask("a" * n + "@" + "b" * n, kind)) for n in range(3, 60)}
        assert len(lengths) == 1, kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("email", "email"),
        ("workEmail", "email"),
        ("e-mail", "email"),
        ("address.phone", "phone"),
        ("firstName", "name"),
        ("last_name", "name"),
        ("dateOfBirth", "date"),
        ("birthday", "date"),
        ("city", ""),
    ],
)
def test_kinds_by_name(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_traits_by_class() -> None:
    person = ALICE
    traits = {
        "email": person.email,
        "plan": "gold",
        "address": {"city": "Oslo", "country": "NO"},
        "alice@example.com": 1,
        "other": {"x": 1},
        "phones": [person.phone],
    }
    classes = {
        "email": "identifying",
        "plan": "fact",
        "address.city": "identifying",
        "address.country": "fact",
        "other": "undeclared",
        "phones": "identifying",
    }
    assert mask_traits(traits, classes, open=False) == {
        "email": "a•••@•••",
        "plan": "gold",
        "address": {"city": "•••", "country": "NO"},
        "•••": "•••",
        "phones": "•••",
    }
    assert mask_traits(traits, classes, open=True) == traits
    hidden = str(mask_traits(traits, {}, open=False))
    assert all(value not in hidden for one in CAST for value in (one.email, one.phone))


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (9, 0), (10, 10), (14, 10), (15, 20), (12_344, 12_340)])
def test_rounded_counts(count: int, shown: int) -> None:
    assert rounded(count) == shown
