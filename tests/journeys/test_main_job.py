"""The main job through the public doors only: data goes in by SDK and file, people come out by REST and admin."""

import csv
import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from pathlib import Path

from segment.analytics.client import Client

from tests.installation import Installation, installation
from tests.people import ALICE, BOB, CHARLIE

__all__ = ["installation"]

MAPPING = {
    "format": "csv",
    "type": "identify",
    "user_id": "customer_number",
    "traits": {
        "email": "mail",
        "phone": "tel",
        "firstName": "first",
        "lastName": "last",
        "customer_number": "customer_number",
    },
    "consents": [{"purpose": "newsletter", "status": "letters", "granted_values": ["yes"], "denied_values": ["no"]}],
}


def _customers(folder: Path) -> tuple[Path, Path]:
    rows = [
        ("1001", ALICE.email.upper(), ALICE.phone, "Alice", "Archer", "yes"),
        ("1002", BOB.email, "", "Bob", "Baker", "no"),
        ("", CHARLIE.email, "", "Charlie", "", ""),
    ]
    file, mapping = folder / "customers.csv", folder / "map.json"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("customer_number", "mail", "tel", "first", "last", "letters"), *rows])
    mapping.write_text(json.dumps(MAPPING))
    return file, mapping


def test_in_by_sdk_and_file_out_by_rest_and_admin(installation: Installation, tmp_path: Path) -> None:
    it = installation
    it.up()
    write_key = it.secret("create_source", "shop", prefix="wk_")
    it.made("create_source", "crm", "--kind", "file", "--purpose", "operate", "--basis", "contract")
    key = it.secret(
        "create_key", "journey", "--scope", "*", "--purpose", "operate", prefix="cdp_"
    )  # reveals: `*` names every scope
    masked = it.secret("create_key", "masked", "--scope", "profiles:read", "--purpose", "operate", prefix="cdp_")

    status, _ = it.call(
        "POST", "/api/v1/purposes/", {"key": "newsletter", "name": "Newsletter", "basis": "consent"}, key
    )
    assert status == 201
    rule = {"event": "Order Completed", "count": {"gte": 1}, "within": {"days": 30}}
    status, segment = it.call("POST", "/api/v1/segments/", {"key": "buyers", "name": "Buyers", "rule": rule}, key)
    assert status == 201, segment

    # In: an anonymous visit, a sign-in, an order, by the real SDK; then the CRM's file.
    client = Client(write_key, host=it.url, on_error=_fail)
    client.page(anonymous_id="device-1", name="Home")
    client.identify("u-77", {"email": ALICE.email}, anonymous_id="device-1")
    client.track("u-77", "Order Completed", {"revenue": 12.5, "currency": "EUR"}, anonymous_id="device-1")
    client.flush()
    client.join()
    file, mapping = _customers(tmp_path)
    said = it.made("import_file", str(file), "--source", "crm", "--mapping", str(mapping))
    assert "3 rows: 2 accepted, 0 duplicates, 1 rejected" in said
    assert "row 3: missing_key in column customer_number" in said
    again = it.made("import_file", str(file), "--source", "crm", "--mapping", str(mapping))
    assert "0 accepted, 2 duplicates" in again

    def settled() -> bool:
        sources = it.get("/api/v1/sources/", key)[1]["results"]
        counts = [it.get(f"/api/v1/sources/{source['id']}/reconciliation/", key)[1] for source in sources]
        return sum(count["pending"] for count in counts) == 0 and sum(count["stored"] for count in counts) == 5

    it.wait(settled, seconds=30)

    # Out: one person of three records, found by a value that never stands in a URL.
    status, alice = it.call("POST", "/api/v1/profiles/lookup/", {"kind": "email", "value": ALICE.email}, key)
    assert status == 200
    assert alice["records"] == 3
    assert alice["traits"]["email"].lower() == ALICE.email
    it.wait(lambda: it.get(f"/api/v1/profiles/{alice['id']}/", key)[1]["segments"] == ["buyers"], seconds=10)
    _, why = it.get(f"/api/v1/profiles/{alice['id']}/why/?segment=buyers", key)
    assert (why["segment"], why["member"]) == ("buyers", True)
    consents = {one["purpose"]: one for one in it.get(f"/api/v1/profiles/{alice['id']}/consents/", key)[1]["results"]}
    assert consents["newsletter"]["allowed"] is True
    _, asked = it.call(
        "POST", "/api/v1/consents/check/", {"kind": "email", "value": BOB.email, "purpose": "newsletter"}, key
    )
    assert asked["allowed"] is False
    _, hidden = it.call("POST", "/api/v1/profiles/lookup/", {"kind": "email", "value": ALICE.email}, masked)
    assert ALICE.email not in json.dumps(hidden).lower()
    assert it.get("/api/v1/segments/", masked)[0] == 403
    it.wait(
        lambda: any(e["action"].startswith("profile.") for e in it.get("/api/v1/audit/entries/", key)[1]["results"]),
        seconds=10,
    )

    # Out: admin, signed in as a steward.
    password = it.made("create_user", "stella", "--role", "steward").split()[-1]
    page = _signed_in(it, "stella", password, f"/admin/identity/profile/{alice['id']}/change/")
    assert "Order Completed" in page
    assert ALICE.email not in page.lower()

    it.made("rebuild", "profiles", "consents", "segments", "--check")


def _fail(error: Exception, _items: object) -> None:
    raise AssertionError(f"the SDK reported {type(error).__name__}")


def _signed_in(it: Installation, user: str, password: str, path: str) -> str:
    """The page that a person sees after signing in."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    form = opener.open(f"{it.url}/admin/login/?next={path}").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    data = {"csrfmiddlewaretoken": token[1], "username": user, "password": password, "next": path}
    request = urllib.request.Request(f"{it.url}/admin/login/?next={path}", urllib.parse.urlencode(data).encode())
    request.add_header("Referer", it.url)
    request.add_header("Origin", it.url)
    return opener.open(request).read().decode()
