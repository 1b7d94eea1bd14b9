"""A sealed value opens in one place only, and says nothing when it does not."""

import pickle
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.vault import sealed
from cdp.vault.aad import aad
from cdp.vault.cipher import Key, Unsealable

ROW, OTHER = UUID(int=1), UUID(int=2)
KEY = Key(bytes(range(32)), 1)
PLACE = aad("identity_record", ROW, "sealed")


def test_opens_where_it_was_sealed() -> None:
    assert KEY.open(KEY.seal(b"Rue de la Paix", aad=PLACE), aad=PLACE) == b"Rue de la Paix"


def test_header_names_version_and_epoch() -> None:
    value = Key(bytes(32), 0x0102).seal(b"", aad=b"")
    assert value[:3] == b"\x01\x01\x02"
    assert len(value) == 31


def test_no_two_seals_are_alike() -> None:
    assert len({KEY.seal(b"same", aad=PLACE) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "elsewhere",
    [
        aad("identity_record", OTHER, "sealed"),
        aad("identity_record", ROW, "facts"),
        aad("identity_evidence", ROW, "sealed"),
        aad("identity_record", str(ROW), "sealed"),
        aad("identity_record", 1, "sealed"),
    ],
)
def test_moved_elsewhere_stays_closed(elsewhere: bytes) -> None:
    with pytest.raises(Unsealable):
        KEY.open(KEY.seal(b"value", aad=PLACE), aad=elsewhere)


def test_another_key_does_not_open() -> None:
    with pytest.raises(Unsealable):
        Key(bytes(32), 1).open(KEY.seal(b"value", aad=PLACE), aad=PLACE)


def test_a_rewrapped_key_opens_what_it_sealed_in_an_earlier_epoch() -> None:
    assert Key(KEY.raw, 2).open(KEY.seal(b"value", aad=PLACE), aad=PLACE) == b"value"


@given(st.binary(max_size=60), st.data())
def test_one_flipped_bit_is_found(plaintext: bytes, data: st.DataObject) -> None:
    value = bytearray(KEY.seal(plaintext, aad=PLACE))
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    value[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unsealable):
        KEY.open(bytes(value), aad=PLACE)


@given(st.binary(max_size=40))
def test_anything_else_is_unsealable_and_not_quoted(junk: bytes) -> None:
    with pytest.raises(Unsealable) as caught:
        KEY.open(junk, aad=PLACE)
    assert caught.value.__cause__ is None
    assert repr(junk) not in str(caught.value)


PART = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
ROWS = st.one_of(st.uuids(), st.integers(), st.text(st.characters(codec="utf-8"), max_size=20))


@given(PART, ROWS, PART, PART, ROWS, PART)
def test_no_two_places_share_their_associated_data(
    table: str, row: UUID | int | str, field: str, table2: str, row2: UUID | int | str, field2: str
) -> None:
    same = (table, type(row), row, field) == (table2, type(row2), row2, field2)
    assert (aad(table, row, field) == aad(table2, row2, field2)) == same


def test_a_name_with_nul_is_refused() -> None:
    with pytest.raises(ValueError):
        aad("a\0b", 1, "c")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_structured_values_come_back_equal(value: object) -> None:
    assert sealed.unseal(KEY, sealed.seal(KEY, value, aad=PLACE), aad=PLACE) == value


def test_a_key_shows_itself_nowhere() -> None:
    assert KEY.raw.hex() not in repr(KEY)
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
