"""What the four systems say, and that the truth knows every record of it."""

import csv
import hashlib
import inspect
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import phonenumbers
import pyarrow.parquet as pq
import time_machine
from segment.analytics.client import Client

from cdp.demo import files, grocer, truth, webshop
from tests.demo.conftest import ANCHOR


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_pos(demo: files.Manifest) -> list[dict[str, Any]]:
    return [row for path in demo.files["pos"] for row in pq.read_table(path).to_pylist()]


def digests(folder: Path) -> dict[str, str]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_same_arguments_same_bytes_whatever_the_clock_says(tmp_path: Path) -> None:
    with time_machine.travel("2031-01-01T00:00:00Z"):
        files.write(tmp_path / "a", households=25, seed=3, anchor=ANCHOR)
    files.write(tmp_path / "b", households=25, seed=3, anchor=ANCHOR)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    one = files.write(tmp_path / "a", households=25, seed=3, anchor=ANCHOR)
    two = files.write(tmp_path / "b", households=25, seed=4, anchor=ANCHOR)
    assert one.rows["pos"] == two.rows["pos"]
    assert one.files["crm"][0].read_bytes() != two.files["crm"][0].read_bytes()


def test_sizes_of_the_small_demo(demo: files.Manifest) -> None:
    assert demo.households == 200
    assert demo.rows["pos"] == len(read_pos(demo)) > 10_000
    assert demo.rows["crm"] == len(read_csv(demo.files["crm"][0]))
    assert demo.rows["loyalty"] == len(read_lines(demo.files["loyalty"][0]))
    assert demo.rows["web"] == len(read_lines(demo.files["web"][0]))
    assert 200 < demo.persons < 300
    assert all(150 < demo.rows[system] < 300 for system in ("crm", "loyalty"))
    assert 400 < demo.rows["web"] < 1200


def test_the_truth_knows_every_record_once(demo: files.Manifest) -> None:
    known = Counter((row["system"], row["external_key"]) for row in read_csv(demo.truth))
    assert max(known.values()) == 1
    web = read_lines(demo.files["web"][0])
    used = {("crm", row["customer_number"]) for row in read_csv(demo.files["crm"][0])}
    used |= {("loyalty", row["card_number"]) for row in read_lines(demo.files["loyalty"][0])}
    used |= {("pos", row["shopper_key"]) for row in read_pos(demo)}
    used |= {("web", call[name]) for call in web for name in ("user_id", "previous_id", "anonymous_id") if name in call}
    assert set(known) == used
    assert {("loyalty", row["card_number"]) for row in read_lines(demo.files["mailings"][0])} <= used


def test_every_tag_says_something_and_about_one_in_seven_people_need_more_than_exact_links(
    demo: files.Manifest,
) -> None:
    plain = {"exact", "shared_phone_only", "only_record", "junk_identifier"}
    assert set(demo.tags) <= plain | truth.PROBABILISTIC | truth.UNLINKABLE
    misses = json.loads(demo.misses.read_text())
    assert 0.11 <= misses["probabilistic_share"] <= 0.17


def test_junk_and_mess_are_there(demo: files.Manifest) -> None:
    crm = read_csv(demo.files["crm"][0])
    emails = Counter(row["email"].strip().lower() for row in crm)
    phones = Counter("".join(c for c in row["phone"] if c.isdigit())[-10:] for row in crm)
    assert emails["test@example.com"] >= 1
    assert phones["5135550100"] >= 12
    assert any(set(phone) == {"0"} for phone in phones)
    assert any("/" in row["birth_date"] for row in crm)
    assert any(not (row["first_name"] + row["last_name"]).isascii() for row in crm)
    owners = Counter(row["person_id"] for row in read_csv(demo.truth) if row["system"] == "crm")
    assert max(owners.values()) == 2
    calls = read_lines(demo.files["web"][0])
    assert any(call.get("user_id") == "anonymous" for call in calls)
    assert any(call["context"].get("gpc") for call in calls)


def test_people_who_share_a_device_or_a_mailbox_are_two_in_the_truth(demo: files.Manifest) -> None:
    person = {(row["system"], row["external_key"]): row["person_id"] for row in read_csv(demo.truth)}
    users: dict[str, set[str]] = {}
    for call in read_lines(demo.files["web"][0]):
        if call.get("user_id") and call.get("anonymous_id"):
            users.setdefault(call["anonymous_id"], set()).add(person["web", call["user_id"]])
    assert any(len(people) > 1 for people in users.values())
    mailboxes: dict[str, set[str]] = {}
    for row in read_csv(demo.files["crm"][0]):
        mailboxes.setdefault(row["email"].strip().lower(), set()).add(person["crm", row["customer_number"]])
    assert any(len(people) == 2 for mailbox, people in mailboxes.items() if mailbox)


def test_no_real_persons_number_or_mailbox(demo: files.Manifest) -> None:
    rows: list[dict[str, Any]] = [*read_csv(demo.files["crm"][0]), *read_lines(demo.files["loyalty"][0])]
    for row in rows:
        domain = (row["email"] or "").strip().lower().partition("@")[2]
        assert domain in {"", "example.com"} or domain.endswith((".example", ".example.org")) or "_" in row["email"]
        if row["phone"] and len(row["phone"]) > 10 and not row["phone"].startswith(("000", "999")):
            number = str(phonenumbers.parse(row["phone"], "US").national_number)
            assert number[3:6] == "555" or number.startswith("3023125")


def test_consents_of_all_kinds(demo: files.Manifest) -> None:
    assert set(demo.agreements) == {"granted", "denied", "expired", "withdrawn"}
    for row in read_csv(demo.consents):
        assert row["purpose"] in demo.purposes
        assert row["notice"] in demo.notices
        assert row["at"] <= ANCHOR.isoformat()
        if row["withdrawn_at"]:
            assert row["at"] <= row["withdrawn_at"]


def test_nothing_happens_after_the_anchor(demo: files.Manifest) -> None:
    year = ANCHOR - timedelta(days=400)
    assert all(year < row["occurred_at"] < ANCHOR for row in read_pos(demo))
    times = [arguments["timestamp"] for _, arguments in webshop.read(demo.files["web"][0])]
    assert times == sorted(times)
    assert max(times) < ANCHOR


def test_the_script_fits_the_sdk(demo: files.Manifest) -> None:
    seen: Counter[str] = Counter()
    for call, arguments in webshop.read(demo.files["web"][0]):
        inspect.signature(getattr(Client, call)).bind(None, **arguments)
        assert isinstance(arguments["timestamp"], datetime)
        seen[call] += 1
    assert {"identify", "track", "page", "screen", "alias"} <= set(seen)
    assert len({arguments["message_id"] for _, arguments in webshop.read(demo.files["web"][0])}) == demo.rows["web"]


def test_every_redeemed_coupon_is_told(demo: files.Manifest) -> None:
    redeemed = [call for call in read_lines(demo.files["web"][0]) if call.get("event") == "Coupon Redeemed"]
    assert len(redeemed) == len(grocer.load(200).redemptions)
