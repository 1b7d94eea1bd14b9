"""`import_file` as an operator types it: what cannot be meant is refused before the first row, and the words say what to do."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from cdp.audit import SYSTEM
from cdp.catalogue.declare import declare_named
from cdp.connectors.models import RowError, Run
from cdp.pipeline.batch import run_batch
from cdp.sources.create import change, create
from cdp.sources.models import Source
from identity import known
from identity.profiles import find

MAPPING = {"format": "csv", "type": "identify", "user_id": "id", "traits": {"firstName": "first", "email": "mail"}}
HEADER = "id,first,mail\n"


class Desk:
    """A folder, a source, and the command."""

    def __init__(self, folder: Path, capsys: "pytest.CaptureFixture[str]") -> None:
        self.folder, self._read = folder, capsys.readouterr
        create("crm", by=SYSTEM, kind="file", namespace="crm", region="US")

    def load(self, content: bytes | str, **changes: Any) -> str:
        """Imports; what was said. Raises CommandError."""
        file, mapping = self.folder / "customers.csv", self.folder / "map.json"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        mapping.write_text(json.dumps({**MAPPING, **changes}))
        self._read()
        call_command("import_file", str(file), "--source", "crm", "--mapping", str(mapping))
        return "".join(self._read())

    def refused(self, content: bytes | str, **changes: Any) -> str:
        """The words of a refusal before the first row."""
        with pytest.raises(CommandError) as caught:
            self.load(content, **changes)
        assert not Run.objects.exists(), "refused before the first row"
        return str(caught.value)


@pytest.fixture
def desk(clean: None, tmp_path: Path, capsys: "pytest.CaptureFixture[str]") -> Desk:
    return Desk(tmp_path, capsys)


def golden(mail: str) -> dict[str, Any]:
    """What the pipeline made of whoever has this address."""
    while run_batch(100, now=datetime.now(UTC), slot=1).claimed:
        pass
    [profile] = find("email", mail, "US")
    it = known.one(profile)
    assert it is not None
    return {value.name: value.value for value in it.golden}


NAMES = "1,Zoë,zoe@example.com\n2,Alice,alice@example.com\n"


def test_a_file_of_another_encoding_is_refused_and_the_remedy_works(desk: Desk) -> None:
    said = desk.refused((HEADER + NAMES).encode("cp1252"))
    assert "line 2 of the file is not UTF-8" in said
    assert "cp1252" in said
    assert "2 accepted" in desk.load((HEADER + NAMES).encode("cp1252"), encoding="cp1252")
    assert golden("zoe@example.com")["firstName"] == "Zoë"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_told_by_the_file_itself(desk: Desk, encoding: str) -> None:
    assert "2 accepted" in desk.load((HEADER + NAMES).encode(encoding))
    assert golden("zoe@example.com")["firstName"] == "Zoë"


def test_an_encoding_that_would_misread_utf_8_is_refused(desk: Desk) -> None:
    assert "Leave `encoding` out" in desk.refused(HEADER + NAMES, encoding="cp1252")
    assert "is not of the encoding utf-16" in desk.refused((HEADER + NAMES).encode()[:-1], encoding="utf-16")
    assert "`encoding` is none that is known" in desk.refused(HEADER, encoding="base64")


def test_with_the_encoding_stated_only_the_rows_that_break_it_are_left_out(desk: Desk) -> None:
    said = desk.load((HEADER + NAMES).encode("cp1252"), encoding="utf-8")
    assert "2 rows: 1 accepted, 0 duplicates, 1 rejected" in said
    assert "row 1: wrong_encoding in column first" in said


def test_a_name_that_was_damaged_before_is_mended_by_the_same_row_read_right(desk: Desk) -> None:
    rows = "id,first,mail,since\n1,{},zoe@example.com,2024-03-02\n"
    desk.load(rows.format("Zo\ufffd"), timestamp="since")
    assert golden("zoe@example.com")["firstName"] == "Zo\ufffd"
    desk.load(rows.format("Zoe").encode("cp1252"), timestamp="since")
    assert golden("zoe@example.com")["firstName"] == "Zoe", "although U+FFFD is the greater sign"


def test_a_purpose_that_is_not_defined_is_refused(desk: Desk) -> None:
    consents = [{"purpose": "letters", "status": "first"}]
    said = desk.refused(HEADER + NAMES, consents=consents)
    assert "`consents[0].purpose`: the purpose letters is not defined (there are: operate)" in said
    call_command("create_source", "other", "--purpose", "letters")
    assert "2 accepted" in desk.load(HEADER + NAMES, consents=consents)


def test_a_column_that_the_file_lacks_is_refused_and_near_ones_named(desk: Desk) -> None:
    said = desk.refused("id,First,E-Mail\n1,Alice,alice@example.com\n")
    assert (
        "`traits.firstName` names the column first, which the file lacks. Is it First? Its columns: id, First, E-Mail"
        in said
    )
    assert "`consents[0].at`" in desk.refused(HEADER, consents=[{"purpose": "operate", "at": "agreed"}])
    assert "which the file has twice" in desk.refused("id,first,mail,mail\n")
    assert "It is empty" in desk.refused("")


def test_json_lines_may_leave_out_what_they_do_not_know_but_never_all_of_them(desk: Desk) -> None:
    lines = b'\xef\xbb\xbf{"id": 1, "first": "Alice"}\n{"id": 2, "first": "Zo\xeb"}\n[]\n'
    said = desk.load(lines, format="jsonl")
    assert "note: `traits.email` names mail, which no line of the file has" in said
    assert "3 rows: 1 accepted, 0 duplicates, 2 rejected" in said
    assert list(RowError.objects.order_by("row").values_list("reason", flat=True)) == [
        "wrong_encoding",
        "unreadable_row",
    ]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_by_the_rows(desk: Desk, sign: str) -> None:
    rows = [("id", "first", "mail"), ("1", "Ann, the first", "a@example.com"), ("2", "B; C", "b@example.com")]
    assert "2 accepted" in desk.load("\n".join(sign.join(f'"{cell}"' for cell in row) for row in rows))


def test_a_stated_delimiter_that_does_not_split_is_refused(desk: Desk) -> None:
    content = (HEADER + NAMES).replace(",", ";")
    assert 'try "delimiter": ";"' in desk.refused(content, delimiter=",")
    assert "`delimiter` is one sign" in desk.refused(content, delimiter=";;")


def test_a_file_of_which_nothing_was_taken_is_a_failure(desk: Desk) -> None:
    with pytest.raises(CommandError, match="no row was accepted"):
        desk.load(HEADER + "1,Alice\n")
    assert "0 rows: 0 accepted" in desk.load(HEADER), "an empty file is none"


ORDERS = {"type": "track", "event": "Order Completed", "traits": {}, "properties": {"revenue": "sum"}}


def test_numbers_of_a_csv_file_are_read_as_such_with_a_decimal_comma(desk: Desk) -> None:
    content = 'id;sum\n1;1.234,50\n2;7\n3;"1.2,3"\n'
    assert 'add "numbers": ["sum"]' in desk.load(content, **ORDERS)
    said = desk.load(content, **ORDERS, numbers=["sum"], decimal=",")
    assert "2 accepted, 0 duplicates, 1 rejected" in said
    assert "row 3: unreadable_number in column sum" in said


def test_phone_numbers_that_are_none_in_the_region_are_counted_and_mended_by_it(desk: Desk) -> None:
    declare_named("trait", "mobile_de", "text", "identifying", by=SYSTEM, identifier="phone")
    content, traits = (
        "id,tel,tel2\n1,0151 23456000,\n2,,0151 23456001\n3,+1 202-555-0103,\n",
        {"phone": "tel", "mobile_de": "tel2"},
    )
    said = desk.load(content, traits=traits)
    assert "2 phone numbers cannot be read for region US" in said
    assert Run.objects.get().unread_phones == 2
    assert "3 duplicates" in desk.load(content, traits=traits)
    change(Source.objects.get(name="crm"), by=SYSTEM, region="DE")
    said = desk.load(content, traits=traits)
    assert "2 accepted, 1 duplicates" in said
    assert "phone numbers" not in said
    while run_batch(100, now=datetime.now(UTC), slot=1).claimed:
        pass
    assert find("phone", "+49 151 23456000", "")
