"""Inviting a colleague, and a new password by e-mail: through the pages, with the mails as they go out."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cdp.access import invite, resets
from cdp.access.models import Invitation
from cdp.access.roles import ensure_roles
from cdp.access.users import create_user
from cdp.audit.models import Pending
from tests.people import ALICE, BOB

from .conftest import BY

pytestmark = pytest.mark.django_db
ADD = "/admin/access/invitation/add/"
LIST = "/admin/access/invitation/"
PASSWORD = "four plain words together"


@pytest.fixture(autouse=True)
def plain(settings: Any) -> None:
    """Without what stands above this room, with a mail server (that keeps what it gets)."""
    settings.UNFOLD = settings.UNFOLD | {"SIDEBAR": {"show_all_applications": True}, "DASHBOARD_CALLBACK": None}
    settings.EMAIL_CONFIGURED = True
    ensure_roles()


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(create_user("root", "admin", by=BY)[0], backend="django.contrib.auth.backends.ModelBackend")
    return client


def link_in(text: str) -> str:
    found = re.search(r"http://\S+", text.split("Open this link", 1)[-1])
    assert found
    return "/" + found[0].partition("//")[2].partition("/")[2]


def join(link: str, password: str = PASSWORD) -> tuple[Client, Any]:
    client = Client()
    client.get(link)
    return client, client.post("/invitation/", {"new_password1": password, "new_password2": password})


def actions() -> list[str]:
    return [row.entry["action"] for row in Pending.objects.order_by("id")]


def test_a_colleague_joins_by_the_mail(admin: Client) -> None:
    assert admin.post(ADD, {"email": ALICE.email, "roles": ["steward", "analyst"]})["Location"] == LIST
    (sent,) = mail.outbox
    assert sent.to == [ALICE.email]
    assert "data steward, analyst" in sent.body
    assert ALICE.email not in sent.body
    link = link_in(sent.body)
    visitor = Client()
    opened = visitor.get(link)
    assert opened["Location"] == "/invitation/"  # the secret is out of the address at once
    page = visitor.get("/invitation/").content.decode()
    assert ALICE.email in page
    weak = visitor.post("/invitation/", {"new_password1": "12345", "new_password2": "12345"})
    assert b"too short" in weak.content
    done = visitor.post("/invitation/", {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert done["Location"] == "/admin/"
    user = User.objects.get(username=ALICE.email)
    assert (user.is_staff, set(user.groups.values_list("name", flat=True))) == (True, {"steward", "analyst"})
    assert int(visitor.session["_auth_user_id"]) == user.pk
    assert "invitation.accept" in actions()
    assert link.split("/")[2] not in str(list(Pending.objects.values_list("entry", flat=True)))


def test_a_link_works_once_and_not_for_ever(admin: Client) -> None:
    admin.post(ADD, {"email": ALICE.email, "roles": ["analyst"]})
    link = link_in(mail.outbox[0].body)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert join(link)[1].status_code == 410
    Invitation.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert join(link)[1].status_code == 302
    assert join(link)[1].status_code == 410
    assert Client().get("/invitation/").status_code == 410
    assert join("/invitation/guessed/")[1].status_code == 410


def test_sent_again_the_old_link_ends_and_revoked_so_does_the_new_one(admin: Client) -> None:
    admin.post(ADD, {"email": ALICE.email, "roles": ["analyst"]})
    row = Invitation.objects.get()
    admin.post(LIST, {"action": "send_again", "_selected_action": [str(row.pk)]})
    old, new = (link_in(sent.body) for sent in mail.outbox)
    assert join(old)[1].status_code == 410
    admin.post(LIST, {"action": "revoke", "_selected_action": [str(row.pk)]})
    assert join(new)[1].status_code == 410
    admin.post(LIST, {"action": "send_again", "_selected_action": [str(row.pk)]})
    assert len(mail.outbox) == 2
    assert [it for it in actions() if it.startswith("invitation")] == [
        "invitation.create", "invitation.resend", "invitation.revoke",
    ]  # fmt: skip


def test_who_cannot_be_invited_is_told_beside_the_field(admin: Client) -> None:
    create_user(BOB.email, "analyst", by=BY)
    assert b"has an account already" in admin.post(ADD, {"email": BOB.email.upper(), "roles": ["analyst"]}).content
    assert b"enter a valid email" in admin.post(ADD, {"email": "nobody", "roles": ["analyst"]}).content.lower()
    admin.post(ADD, {"email": ALICE.email, "roles": ["analyst"]})
    assert b"is invited already" in admin.post(ADD, {"email": ALICE.email, "roles": ["steward"]}).content
    assert admin.post(ADD, {"email": "c@example.com", "roles": ["king"]}).status_code == 200
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert admin.post(ADD, {"email": ALICE.email, "roles": ["steward"]}).status_code == 302
    assert Invitation.objects.count() == 2


def test_without_a_mail_server_the_link_is_shown_once(admin: Client, settings: Any) -> None:
    settings.EMAIL_CONFIGURED = False
    shown = admin.post(ADD, {"email": ALICE.email, "roles": ["analyst"]})
    assert "no-store" in shown["Cache-Control"]
    assert b"EMAIL_URL" in shown.content
    found = re.search(r"/invitation/[^/\s]+/", shown.content.decode())
    assert found
    assert not mail.outbox
    assert join(found[0])[1].status_code == 302


def test_a_mail_that_cannot_go_shows_why_and_the_link(admin: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 9,
    )  # fmt: skip
    shown = admin.post(ADD, {"email": ALICE.email, "roles": ["analyst"]}).content.decode()
    assert "127.0.0.1:9 in EMAIL_URL cannot be reached" in shown
    assert "/invitation/" in shown


@pytest.mark.parametrize("role", ["steward", "marketer", "analyst", "compliance"])
def test_only_administrators_invite(role: str) -> None:
    client = Client()
    client.force_login(create_user("some", role, by=BY)[0], backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(LIST).status_code == 403
    assert client.post(ADD, {"email": ALICE.email, "roles": ["admin"]}).status_code == 403
    assert not Invitation.objects.exists()


def test_an_account_made_meanwhile_is_not_taken_over(admin: Client) -> None:
    admin.post(ADD, {"email": ALICE.email, "roles": ["admin"]})
    create_user(ALICE.email, "analyst", "kept as it is", by=BY)
    assert join(link_in(mail.outbox[0].body))[1].status_code == 410
    assert User.objects.get(username=ALICE.email).check_password("kept as it is")


def test_the_command_invites(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    call_command("create_user", ALICE.email, "--role", "analyst", "--invite")
    assert "on its way" in capsys.readouterr().err
    settings.EMAIL_CONFIGURED = False
    call_command("create_user", BOB.email, "--role", "analyst", "--invite")
    assert "/invitation/" in capsys.readouterr().out
    with pytest.raises(CommandError, match="e-mail address"):
        call_command("create_user", "alice", "--role", "analyst", "--invite")


def test_a_new_password_by_mail() -> None:
    user, _ = create_user("alice", "analyst", "the old one is lost", by=BY)
    user.email = ALICE.email
    user.save()
    assert b"/admin/password_reset/" in Client().get("/admin/login/").content
    for address in (ALICE.email, BOB.email):
        answer = Client().post("/admin/password_reset/", {"email": address}, follow=True)
        assert b"If there is an account" in answer.content  # the same, whether or not
    assert resets.send_due(at=timezone.now()) == 1
    (sent,) = mail.outbox
    visitor = Client()
    form = visitor.get(link_in(sent.body), follow=True)
    address = form.redirect_chain[-1][0]
    assert address.endswith("/set-password/")
    done = visitor.post(address, {"new_password1": PASSWORD, "new_password2": PASSWORD}, follow=True)
    assert b"The new password is kept" in done.content
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert b"was used or is too old" in Client().get(link_in(sent.body), follow=True).content
    assert actions()[-2:] == ["user.ask_reset", "user.reset"]


def test_nobody_s_mailbox_is_filled_with_links() -> None:
    user, _ = create_user("alice", "analyst", "the old one is lost", by=BY)
    user.email = ALICE.email
    user.save()
    for _ in range(8):
        answer = Client().post("/admin/password_reset/", {"email": ALICE.email}, follow=True)
        assert b"If there is an account" in answer.content
        resets.send_due(at=timezone.now())
    assert 1 <= len(mail.outbox) <= 5
    assert actions().count("user.ask_reset") == 8


def test_check_email_says_what_is_wrong(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    call_command("check_email", ALICE.email)
    assert "Sent." in capsys.readouterr().out
    with pytest.raises(CommandError, match="not an e-mail address"):
        call_command("check_email", "alice")
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 9,
    )  # fmt: skip
    with pytest.raises(CommandError, match="cannot be reached"):
        call_command("check_email", ALICE.email)


def test_expired_ones_cannot_be_accepted_by_the_verb_either() -> None:
    now = timezone.now()
    invite.invite(ALICE.email, ["analyst"], by=BY, at=now - timedelta(hours=73))
    token = link_in(mail.outbox[0].body).split("/")[2]
    assert invite.accept(token, PASSWORD, at=now) is None
    assert invite.accept(token, PASSWORD, at=now - timedelta(hours=2)) is not None
