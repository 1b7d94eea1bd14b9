"""One spelling per identifier: what is equal, what is not, and what is no identifier."""

import pytest

from cdp.catalogue.identifiers import KINDS, normalise


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("email", " Alice@Example.COM ", "alice@example.com"),
        ("email", "mailto:alice@example.com", "alice@example.com"),
        ("email", "A.li.ce+shop@googlemail.com", "alice@gmail.com"),
        ("email", "alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("phone", "+1 202-555-0101", "(202) 555-0101"),
        ("phone", "001 202 555 0101".replace("001", "+1"), "2025550101"),
        ("phone", 2025550101, "+12025550101"),
        ("phone", "tel:+1-202-555-0101", "202.555.0101"),
        ("customer_number", " #c-1042 ", "C1042"),
        ("customer_number", 1042.0, "1042"),
        ("user_id", " u-alice ", "u-alice"),
        ("user_id", 42, "42"),
        ("user_id", "cafe\u0301", "café"),
        ("device_id", "AB-CD", "ab-cd"),
    ],
)
def test_equal(kind: str, left: object, right: object) -> None:
    assert normalise(kind, left, region="US") == normalise(kind, right, region="US") is not None


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("email", "alice+shop@example.com", "alice@example.com"),
        ("email", "a.lice@example.com", "alice@example.com"),
        ("phone", "+1 202-555-0101 ext 5", "+1 202-555-0101"),
        ("user_id", "U-alice", "u-alice"),
    ],
)
def test_different(kind: str, left: object, right: object) -> None:
    assert normalise(kind, left, region="US") != normalise(kind, right, region="US")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "alice"), ("email", "alice@"), ("email", "a b@example.com"), ("email", "@example.com"), ("email", True),
        ("email", "x" * 65 + "@example.com"), ("email", None), ("email", "a" * 5000), ("email", "a..b@example.com"),
        ("phone", "12"), ("phone", "alice"), ("phone", "555-0101"), ("phone", float("nan")), ("phone", "\ud800"),
        ("customer_number", " -- "), ("user_id", "  "), ("user_id", "x" * 201), ("user_id", 1.5), ("user_id", ["a"]),
        ("anonymous_id", ""), ("user_id", False),
    ],
)  # fmt: skip
def test_no_value(kind: str, value: object) -> None:
    assert normalise(kind, value, region="US") is None


def test_region_reads_national_numbers() -> None:
    assert normalise("phone", "020 7946 0018", region="gb") == "+442079460018"
    assert normalise("phone", "020 7946 0018", region="") is None


def test_codes_are_for_ever() -> None:
    """They are stored in rows: a kind may be added, never renumbered."""
    assert [KINDS[kind] for kind in ("user_id", "anonymous_id", "row", "email", "phone", "customer_number")] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
