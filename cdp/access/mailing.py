"""Outgoing e-mail. Whoever it is for, and what it says, never reaches a log line or an exception's text."""

import smtplib
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend as FileBackend
from django.template.loader import render_to_string

from cdp import metrics
from cdp.access.models import Failure

log = structlog.get_logger(__name__)
_WANTS_LOGIN = 530  # RFC 4954: authentication required; RFC 3207: must issue STARTTLS first


class NotSent(Exception):
    """An e-mail was not sent; the text says why and what to do, without address or content. `alone`: the server would not have
    this recipient; another mail may go."""

    def __init__(self, text: str, *, alone: bool = False) -> None:
        super().__init__(text)
        self.alone = alone


class Files(FileBackend):
    """Without a mail server, mails wait as files that only the platform's own account can read (DATA_DIR/mail)."""

    def __init__(self, *args: Any, file_path: str | Path | None = None, **kwargs: Any) -> None:
        path = Path(file_path or settings.EMAIL_FILE_PATH or settings.DATA_DIR / "mail")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        kwargs["file_path"] = str(path)
        super().__init__(*args, **kwargs)


def send(to: str, template: str, context: Mapping[str, Any], *, at: datetime) -> None:
    """Sends one mail to one address. The first line of the template is the subject. Raises NotSent, and remembers it (`Failure`)
    until a mail goes: the installation is watched for it."""
    text = render_to_string(template, {"site": settings.PUBLIC_URL, **context})
    subject, _, body = text.strip().partition("\n")
    try:
        EmailMessage(subject.strip(), body.strip() + "\n", to=[to]).send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        metrics.MAILS.add(1, "failed")
        why, alone = reason(error), isinstance(error, smtplib.SMTPRecipientsRefused)
        log.warning("mail.not_sent", error=type(error).__name__, code=getattr(error, "smtp_code", None))
        if not alone:
            Failure.objects.update_or_create(id=1, defaults={"failed_at": at, "reason": why[:300]})
        raise NotSent(why, alone=alone) from None
    metrics.MAILS.add(1, "sent")
    Failure.objects.all().delete()


def pausing(at: datetime) -> bool:
    """Has the server just failed? Then whoever can wait does not ask it again yet."""
    last = Failure.objects.first()
    return last is not None and at < last.pausing_until


def reason(error: Exception) -> str:
    """Why a mail server would not have it, in words that help: without address and content."""
    host = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"The mail server {host} refused the user or the password in EMAIL_URL (code {error.smtp_code})."
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = ", ".join(str(code) for code, _ in error.recipients.values())
        return f"The mail server {host} refused the recipient (code {codes})."
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code == _WANTS_LOGIN:
        return (
            f"The mail server {host} wants TLS (tls=1), or a user and a password, in EMAIL_URL (code {_WANTS_LOGIN})."
        )
    if isinstance(error, smtplib.SMTPSenderRefused):
        return f"The mail server {host} refused the sender in EMAIL_FROM (code {error.smtp_code})."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return (
            f"The mail server {host} does not offer what EMAIL_URL asks for: TLS (tls=0 to go without) or a password."
        )
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server {host} answered with code {error.smtp_code}."
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of the mail server {host} cannot be trusted ({error.verify_message.rstrip('.')}). Name the server "
            "in EMAIL_URL as its certificate does; if an authority of yours signed it, point SSL_CERT_FILE to that."
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"The mail server {host} does not speak TLS as EMAIL_URL says: smtps:// is TLS from the first byte, smtp:// with "
            "tls=1 is STARTTLS."
        )
    if isinstance(error, ValueError):  # after TLS: a certificate's error is one too
        return "The address or the sender in EMAIL_FROM is not one that a mail can have."
    if isinstance(error, socket.gaierror):
        return f"Nobody knows the mail server {settings.EMAIL_HOST} in EMAIL_URL by that name."
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"The mail server {host} in EMAIL_URL hung up. Perhaps it speaks TLS from the first byte (smtps://)."
    return f"The mail server {host} in EMAIL_URL cannot be reached ({type(error).__name__})."
