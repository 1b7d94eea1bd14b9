"""`manage.py link` through its door: files in, clusters out, and errors that name column, row and remedy."""

import csv
import json
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.laws.test_matching import KINDS, crowd

SCHEMA = {"columns": {"no": "id", **{kind.replace("other:", ""): kind.partition(":")[0] for kind in KINDS}}}


@pytest.fixture
def people(tmp_path):
    """A file of 300 people with its schema; which record is whom."""
    columns, who = crowd(300, seed=5)
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    write(tmp_path / "people.csv", columns)
    return tmp_path, columns, {str(at): one for at, one in enumerate(who)}


def write(path: Path, columns, *, delimiter=",", encoding="utf-8"):
    rows = zip(*(column.to_pylist() for _, column in columns), strict=True)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["no", *(kind.replace("other:", "") for kind, _ in columns)])
        writer.writerows([at, *row] for at, row in enumerate(rows))


def link(where: Path, file="people.csv", **options):
    said = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    call_command(
        "link", str(where / file), "--schema", str(where / "schema.json"), "--out", str(where / "out.csv"), *said
    )
    with (where / "out.csv").open(newline="") as answer:
        return {row["id"]: row for row in csv.DictReader(answer)}


def clusters(found) -> set[frozenset[str]]:
    groups = defaultdict(set)
    for row in found.values():
        groups[row["cluster_id"]].add(row["id"])
    return {frozenset(group) for group in groups.values()}


def test_people_are_found_and_told_of(people, capsys):
    where, _, who = people
    found = link(where, explain=2, report=where / "report.html")
    assert list(found) == list(who)
    assert all(0 <= float(row["probability"]) <= 1 for row in found.values())
    wrong = sum(len({who[one] for one in group}) > 1 for group in clusters(found))
    assert wrong <= 3
    assert len(clusters(found)) < 330
    said = capsys.readouterr().out
    for words in ("Weight of pairs, in bits", "Records in a cluster", "before anything is known", "Threshold"):
        assert words in said
    report = (where / "report.html").read_text()
    assert "<svg" in report
    assert "http" not in report


def test_the_order_of_rows_and_the_kind_of_file_do_not_matter(people):
    where, columns, _ = people
    first = clusters(link(where))
    text = (where / "people.csv").read_text().splitlines()
    (where / "turned.csv").write_text("\n".join([text[0], *reversed(text[1:])]))
    assert clusters(link(where, "turned.csv")) == first
    write(where / "semicolon.csv", columns, delimiter=";", encoding="utf-16")
    assert clusters(link(where, "semicolon.csv")) == first
    table = pa.csv.read_csv(where / "people.csv", convert_options=pa.csv.ConvertOptions(strings_can_be_null=True))
    pyarrow.parquet.write_table(table, where / "people.parquet")
    assert clusters(link(where, "people.parquet")) == first
    (where / "people.jsonl").write_text("\n".join(json.dumps(row, default=str) for row in table.to_pylist()))
    assert clusters(link(where, "people.jsonl")) == first


def test_a_model_is_saved_and_used_again(people):
    where, _, _ = people
    first = link(where, model=where / "model.json")
    stamp = (where / "model.json").read_bytes()
    assert link(where, model=where / "model.json") == first
    assert (where / "model.json").read_bytes() == stamp


def test_splinks_settings_are_written_and_read(people):
    where, _, who = people
    path = where / "model.splink.json"
    link(where, model=path)
    settings = json.loads(path.read_text())
    assert {one["output_column_name"] for one in settings["comparisons"]} >= {"given_name", "email", "date_of_birth"}
    assert settings["probability_two_random_records_match"] > 0
    found = link(where, model=path)
    assert sum(len({who[one] for one in group}) > 1 for group in clusters(found)) <= 6
    assert len(clusters(found)) < 360


def test_decisions_are_kept_and_learnt_from(people):
    where, _, who = people
    ids = list(who)
    same = [(a, b) for a, b in pairwise(ids) if who[a] == who[b]][:20]
    apart = [(a, b) for a, b in zip(ids, ids[7:], strict=False) if who[a] != who[b]][:20]
    wished = (ids[0], next(one for one in ids if who[one] == who[ids[0]] and one != ids[0]))
    rows = [*((a, b, "yes") for a, b in same if (a, b) != wished), *((a, b, "no") for a, b in apart), (*wished, "no")]
    with (where / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("left", "right", "match"), *rows])
    found = link(where, labels=where / "labels.csv")
    for a, b, answer in rows:
        assert (found[a]["cluster_id"] == found[b]["cluster_id"]) == (answer == "yes")


@pytest.mark.parametrize(
    ("text", "schema", "words"),
    [
        ("", {"a": "id", "b": "email"}, "is empty"),
        ("a,b\n", {"a": "id", "b": "email"}, "no records"),
        ("a,b\n1,x@example.com\n", {"a": "id", "c": "email"}, "no column 'c'"),
        ("a,b\n1,x@example.com\n", {"a": "id", "b": "mail"}, "no kind 'mail'"),
        ("a,b\n1,x@example.com\n", {"b": "email"}, "exactly one column of kind id"),
        ("a,b\n1,x@example.com\n", {"a": "id"}, "no column to compare"),
        ("a,b\n1,x@example.com\n1,y@example.com\n", {"a": "id", "b": "email"}, "records 1 and 2 have the same id"),
        ("a,b\n1,x@example.com\n ,y@example.com\n", {"a": "id", "b": "email"}, "record 2 has no id"),
        ("a,b\n1,x@example.com\n2,y,z\n", {"a": "id", "b": "email"}, "record 2 has 3 values"),
        ("a,b,b\n1,x@example.com,z\n", {"a": "id", "b": "email"}, "'b' more than once"),
        ("a,b\n1,x@example.com\n", {"a": "id", "b": "email"}, "at least two records"),
        ("a,b\n1,x@example.com\n2,y@example.com\n", {"a": "id", "b": "email"}, "no two records share"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_remedy(tmp_path, text, schema, words):
    (tmp_path / "people.csv").write_text(text)
    (tmp_path / "schema.json").write_text(json.dumps({"columns": schema}))
    with pytest.raises(CommandError, match=words):
        link(tmp_path)
    assert not (tmp_path / "out.csv").exists()


def test_other_faults_of_use(people):
    where, _, _ = people
    with pytest.raises(CommandError, match="between 0 and 1"):
        link(where, threshold=3)
    with pytest.raises(CommandError, match="cannot read"):
        link(where, "nowhere.csv")
    (where / "model.json").write_text('{"version": 99}')
    with pytest.raises(CommandError, match="model"):
        link(where, model=where / "model.json")
    (where / "labels.csv").write_text("left,right,match\n0,nobody,yes\n")
    with pytest.raises(CommandError, match="record 1, column right"):
        link(where, labels=where / "labels.csv")
    (where / "labels.csv").write_text("left,right,match\n0,1,yes\n")
    with pytest.raises(CommandError, match="at least 20"):
        link(where, labels=where / "labels.csv")
    (where / "bytes.csv").write_bytes(b"no,given_name\n1,\x81\x8d\n")
    with pytest.raises(CommandError, match="UTF-8"):
        link(where, "bytes.csv")


def test_a_file_in_windows_letters_is_read(people):
    where, columns, _ = people
    names = pa.array(["Zoë"] * len(columns[0][1]))
    columns = [(kind, names if kind == "given_name" else column) for kind, column in columns]
    write(where / "windows.csv", columns, encoding="cp1252")
    assert link(where, "windows.csv")


def test_the_engine_knows_neither_django_nor_a_database():
    code = (
        "import sys, identity.matching.linking, identity.matching.splinkjson\n"
        "sys.exit(any(m.partition('.')[0] in ('django', 'psycopg') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
