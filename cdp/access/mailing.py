"""Outgoing e-mail. Whoever it is for, and what it says, never reaches a log line or an exception's text."""

import smtplib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend as FileBackend
from django.template.loader import render_to_string

from cdp import metrics


class NotSent(Exception):
    """An e-mail was not sent; the text says why and what to do, without address or content."""


class Files(FileBackend):
    """Without a mail server, mails wait as files that only the platform's own account can read (DATA_DIR/mail)."""

    def __init__(self, *args: Any, file_path: str | Path | None = None, **kwargs: Any) -> None:
        path = Path(file_path or settings.EMAIL_FILE_PATH or settings.DATA_DIR / "mail")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        kwargs["file_path"] = str(path)
        super().__init__(*args, **kwargs)


def send(to: str, template: str, context: Mapping[str, Any]) -> None:
    """Sends one mail to one address. The first line of the template is the subject. Raises NotSent."""
    text = render_to_string(template, {"site": settings.PUBLIC_URL, **context})
    subject, _, body = text.strip().partition("\n")
    try:
        EmailMessage(subject.strip(), body.strip() + "\n", to=[to]).send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        metrics.MAILS.add(1, "failed")
        raise NotSent(reason(error)) from None
    metrics.MAILS.add(1, "sent")


def reason(error: Exception) -> str:
    """Why a mail server would not have it, in words that help: without address and content."""
    host = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"The mail server {host} refused the user or the password in EMAIL_URL (code {error.smtp_code})."
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = ", ".join(str(code) for code, _ in error.recipients.values())
        return f"The mail server {host} refused the recipient (code {codes})."
    if isinstance(error, smtplib.SMTPSenderRefused):
        return f"The mail server {host} refused the sender in EMAIL_FROM (code {error.smtp_code})."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return (
            f"The mail server {host} does not offer what EMAIL_URL asks for: TLS (tls=0 to go without) or a password."
        )
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server {host} answered with code {error.smtp_code}."
    if isinstance(error, ValueError):
        return "The address or the sender in EMAIL_FROM is not one that a mail can have."
    return f"The mail server {host} in EMAIL_URL cannot be reached ({type(error).__name__})."
