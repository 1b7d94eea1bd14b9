"""Mail by a real mail server, with STARTTLS and a login: it arrives; and what is wrong is said, and loses nothing."""

import logging
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cdp import settings as own
from cdp.access import rates, resets
from cdp.access.models import Failure, Invitation, Reset
from cdp.access.roles import ensure_roles
from cdp.access.users import create_user
from cdp.alerts.models import Alert
from cdp.alerts.telling import tell
from cdp.alerts.update import Finding, update
from cdp.operations import checks
from tests.access.test_invitations import ADD, PASSWORD, join, link_in
from tests.people import ALICE, BOB
from tests.servers import free_port

from .conftest import BY

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings(
        "ignore:Requiring AUTH while not requiring TLS"
    ),  # of the server, which has TLS around it
]
logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the server's own
USER, SECRET = "cdp", "p/w: of the mailer"
WRONG = "another one"


class Box:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], str]] = []
        self.refuses = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        """Anybody but one."""
        if address == self.refuses:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Whom, and the text."""
        text: Any = message_from_bytes(envelope.content).get_payload(decode=True)
        self.mails.append((envelope.rcpt_tos, text.decode()))
        return "250 OK"


class MailServer:
    """A server on this machine, and EMAIL_URL for it."""

    def __init__(self, certificate: Path, *, tls: str = "starttls", login: bool = True) -> None:
        self.box, self.port, self.tls = Box(), free_port(), tls
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        def judged(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
            right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), SECRET.encode())
            return AuthResult(success=right, handled=False)

        options: dict[str, Any] = {"hostname": "127.0.0.1", "port": self.port, "authenticator": judged}
        options |= {"auth_required": login, "auth_require_tls": tls == "starttls"}
        options |= {"starttls": {"tls_context": context, "require_starttls": True}}.get(tls, {})
        options |= {"smtps": {"ssl_context": context}}.get(tls, {})
        self.controller = Controller(self.box, **options)
        self.controller.start()

    def url(self, secret: str = SECRET, *, host: str = "localhost", how: str = "", user: str = USER) -> str:
        quoted = secret.replace("/", "%2F").replace(":", "%3A").replace(" ", "%20")
        scheme = "smtps" if (how or self.tls) == "smtps" else "smtp"
        tls = "?tls=1" if (how or self.tls) == "starttls" else "?tls=0" if scheme == "smtp" else ""
        return f"{scheme}://{f'{user}:{quoted}@' if user else ''}{host}:{self.port}{tls}"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost that nobody signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("mail") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def serve(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., MailServer]]:
    """Starts mail servers; their certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    started: list[MailServer] = []

    def _serve(**options: Any) -> MailServer:
        started.append(MailServer(certificate, **options))
        return started[-1]

    yield _serve
    for each in started:
        each.controller.stop()


@pytest.fixture(autouse=True)
def plain(settings: Any) -> None:
    settings.UNFOLD = settings.UNFOLD | {"SIDEBAR": {"show_all_applications": True}, "DASHBOARD_CALLBACK": None}
    settings.ALERT_EMAILS = [BOB.email]
    rates.tokens.cache_clear()
    ensure_roles()


def use(settings: Any, url: str) -> None:
    for name, value in own.mail(url).items():
        setattr(settings, name, value)
    settings.EMAIL_CONFIGURED = True


def invited(email: str = ALICE.email) -> bytes:
    client = Client()
    client.force_login(
        create_user(f"root {email}", "admin", by=BY)[0], backend="django.contrib.auth.backends.ModelBackend"
    )
    return client.post(ADD, {"email": email, "roles": ["analyst"]}, follow=True).content


def look(at: datetime) -> None:
    """As the watch looks, at mail alone."""
    update(checks.mail(at), looked_for=["mail", "disk"], at=at)
    tell(at=at)
    resets.send_due(at=at)


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
def test_an_invitation_arrives(serve: Callable[..., MailServer], settings: Any, tls: str) -> None:
    server = serve(tls=tls)
    use(settings, server.url())
    assert b"on its way" in invited()
    ((to, text),) = server.box.mails
    assert to == [ALICE.email]
    assert join(link_in(text))[1].headers["Location"] == "/admin/"


def test_a_link_for_a_new_password_arrives_a_moment_later(serve: Callable[..., MailServer], settings: Any) -> None:
    server = serve()
    use(settings, server.url())
    user, _ = create_user("alice", "analyst", "the old one is lost", by=BY)
    user.email = ALICE.email
    user.save()
    for address in (ALICE.email, "nobody@example.com"):
        assert (
            b"If there is an account"
            in Client().post("/admin/password_reset/", {"email": address}, follow=True).content
        )
    assert not server.box.mails
    look(timezone.now())
    ((to, text),) = server.box.mails
    assert to == [ALICE.email]
    visitor = Client()
    address = visitor.get(link_in(text), follow=True).redirect_chain[-1][0]
    visitor.post(address, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    look(timezone.now())
    assert len(server.box.mails) == 1


def test_what_a_wrong_password_kept_back_goes_once_it_is_right(
    serve: Callable[..., MailServer], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve()
    use(settings, server.url(WRONG))
    user, _ = create_user("alice", "analyst", "the old one is lost", by=BY)
    user.email = ALICE.email
    user.save()
    caplog.set_level(logging.INFO, "cdp")

    shown = invited(BOB.email)  # to whoever invites: the reason, and the link
    assert b"refused the user or the password in EMAIL_URL (code 535)" in shown
    assert b"/invitation/" in shown
    assert Invitation.objects.filter(email=BOB.email).exists()
    Client().post("/admin/password_reset/", {"email": ALICE.email})
    now = timezone.now()
    update([Finding("disk", "1 GiB of 100 GiB are free.", "data_dir")], looked_for=["disk"], at=now)
    look(now)
    assert "code 535" in Alert.objects.get(kind="mail", closed_at=None).what
    assert not server.box.mails

    use(settings, server.url())  # a server that has just refused is left alone for a minute
    look(now + timedelta(seconds=15))
    assert not server.box.mails
    later = now + timedelta(minutes=2)
    look(later)
    assert [to for to, _ in server.box.mails] == [[BOB.email], [ALICE.email]]
    assert "E-mail cannot be sent" in server.box.mails[0][1]
    look(later + timedelta(seconds=15))
    assert not Failure.objects.exists()
    assert not Reset.objects.exists()
    assert Alert.objects.get(kind="mail").closed_at
    for value in (ALICE.email, BOB.email, WRONG, SECRET):
        assert value not in caplog.text


def test_a_request_is_forgotten_with_its_hour(settings: Any) -> None:
    use(settings, f"smtp://localhost:{free_port()}")
    user, _ = create_user("alice", "analyst", by=BY)
    user.email = ALICE.email
    user.save()
    now = timezone.now()
    assert resets.ask(user, at=now)
    assert resets.send_due(at=now) == 0
    assert Reset.objects.get().tried_at == now
    resets.send_due(at=now + timedelta(hours=1))
    assert not Reset.objects.exists()


def test_a_mailbox_that_is_none_stops_nobody_else(serve: Callable[..., MailServer], settings: Any) -> None:
    server = serve()
    use(settings, server.url())
    server.box.refuses = ALICE.email
    for person in (ALICE, BOB):
        user, _ = create_user(person.user_id, "analyst", by=BY)
        user.email = person.email
        user.save()
        assert resets.ask(user, at=timezone.now())
    assert resets.send_due(at=timezone.now()) == 1
    assert [to for to, _ in server.box.mails] == [[BOB.email]]
    assert not Failure.objects.exists()  # the server is well


@pytest.mark.parametrize(
    ("options", "url", "trusted", "said"),
    [
        ({}, {"secret": WRONG}, True, "refused the user or the password in EMAIL_URL"),
        ({}, {"user": ""}, True, "wants TLS .* or a user and a password"),
        ({}, {"how": "plain", "user": ""}, True, "wants TLS"),
        ({}, {"how": "plain"}, True, "does not offer what EMAIL_URL asks for"),
        ({"tls": "plain", "login": False}, {"how": "starttls"}, True, "does not offer what EMAIL_URL asks for"),
        ({"tls": "plain"}, {"how": "smtps"}, True, "does not speak TLS as EMAIL_URL says"),
        ({}, {"host": "127.0.0.1"}, True, r"certificate .* cannot be trusted \(IP address mismatch"),
        ({}, {}, False, r"certificate .* cannot be trusted \(self-signed certificate"),
        ({}, {"host": "mail.invalid"}, True, "Nobody knows the mail server mail.invalid"),
    ],
)
def test_what_is_wrong_is_said(
    serve: Callable[..., MailServer], settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    options: dict[str, Any], url: dict[str, Any], trusted: bool, said: str,
) -> None:  # fmt: skip
    if not trusted:
        server = serve()
        monkeypatch.delenv("SSL_CERT_FILE")
    else:
        server = serve(**options)
    caplog.set_level(logging.INFO, "cdp")
    use(settings, server.url(**url))
    with pytest.raises(CommandError, match=said):
        call_command("check_email", ALICE.email)
    assert ALICE.email not in caplog.text
    assert ALICE.email not in Failure.objects.get().reason
    assert not server.box.mails


def test_nobody_listens(settings: Any) -> None:
    use(settings, f"smtp://localhost:{free_port()}")
    with pytest.raises(CommandError, match=r"cannot be reached \(ConnectionRefusedError\)"):
        call_command("check_email", ALICE.email)
