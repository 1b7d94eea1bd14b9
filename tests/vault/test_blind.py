"""A blind index is the same for the same value, and for nothing else."""

import hashlib
import hmac
from uuid import UUID

import pytest

from cdp.vault import blind, keys

pytestmark = pytest.mark.django_db


def test_the_same_value_has_the_same_digest() -> None:
    digest = blind.index("email", "anna@example.org")
    keys.forget()
    blind.forget()
    assert blind.index("email", "anna@example.org") == digest
    assert isinstance(digest, UUID)


def test_many_are_as_one_by_one() -> None:
    values = ["", "é", "anna@example.org", "a\0b", "anna@example.org"]
    assert blind.index_many("email", values) == [blind.index("email", value) for value in values]
    assert blind.index_many("email", []) == []


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 1000])
def test_it_is_hmac_sha256(size: int) -> None:
    key, value = keys.system("blind:email").derive("blind index"), "x" * size
    expected = hmac.digest(key, b"email\0" + value.encode(), "sha256")[:16]
    assert blind.index("email", value) == UUID(bytes=expected)


def test_kinds_do_not_meet() -> None:
    assert blind.index("email", "x") != blind.index("user_id", "x")


def test_no_bare_hash() -> None:
    value = b"anna@example.org"
    bare = {hashlib.new(name, value).digest()[:16] for name in ("md5", "sha1", "sha256", "sha512")}
    assert blind.index("email", value.decode()).bytes not in bare


def test_another_installation_has_other_digests() -> None:
    digest = blind.index("email", "anna@example.org")
    keys.destroy_system("blind:email")
    blind.forget()
    assert blind.index("email", "anna@example.org") != digest
