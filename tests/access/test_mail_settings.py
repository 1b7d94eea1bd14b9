"""EMAIL_URL, read; and where mails wait when there is none."""

import smtplib
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage

from cdp import settings as own
from cdp.access import mailing
from tests.people import ALICE


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "ssl"),
    [
        ("smtp://mail.example.com", "mail.example.com", 25, False, False),
        ("smtp://mail.example.com:587", "mail.example.com", 587, True, False),
        ("smtp://u:p@mail.example.com:587?tls=0", "mail.example.com", 587, False, False),
        ("smtp://u:p@mail.example.com:2525?tls=1", "mail.example.com", 2525, True, False),
        ("smtps://u:p@mail.example.com", "mail.example.com", 465, False, True),
    ],
)
def test_urls(url: str, host: str, port: int, tls: bool, ssl: bool) -> None:
    found = own.mail(url)
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (
        host, port, tls, ssl,
    )  # fmt: skip


def test_user_and_password_are_unescaped() -> None:
    found = own.mail("smtp://alice%40example.com:p%2Fw%3A@mail.example.com")
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == (ALICE.email, "p/w:")


@pytest.mark.parametrize(
    "url", ["mail.example.com:25", "http://x", "smtp://:25", "smtp://x:99999999", "smtp://x?tls=maybe"]
)
def test_what_is_no_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        own.mail(url)
    assert url not in str(caught.value)


def test_files_that_only_the_platform_reads(tmp_path: Path, settings: Any) -> None:
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    settings.EMAIL_BACKEND = "cdp.access.mailing.Files"
    EmailMessage("subject", "body", to=[ALICE.email]).send()
    assert stat.S_IMODE((tmp_path / "mail").stat().st_mode) == 0o700
    assert len(list((tmp_path / "mail").iterdir())) == 1


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPAuthenticationError(535, ALICE.email.encode()),
        smtplib.SMTPRecipientsRefused({ALICE.email: (550, b"no such user")}),
        smtplib.SMTPSenderRefused(553, b"no", ALICE.email),
        smtplib.SMTPNotSupportedError("STARTTLS"),
        smtplib.SMTPDataError(554, ALICE.email.encode()),
        smtplib.SMTPServerDisconnected(ALICE.email),
        ConnectionRefusedError(ALICE.email),
        ValueError(ALICE.email),
    ],
)
def test_reasons_help_and_hold_no_address(error: Exception) -> None:
    said = mailing.reason(error)
    assert ALICE.email not in said
    assert said.endswith(".")
