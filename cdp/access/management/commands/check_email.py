"""Tries the settings of outgoing mail."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.utils import timezone

from cdp.access.mailing import NotSent, send


class Command(BaseCommand):
    """manage.py check_email ADDRESS"""

    help = "Send a mail to try EMAIL_URL and EMAIL_FROM; says what is wrong if it cannot be sent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="where the mail goes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["address"])
        except ValidationError:
            raise CommandError("that is not an e-mail address") from None
        try:
            send(options["address"], "access/mail/check.txt", {}, at=timezone.now())
        except NotSent as error:
            raise CommandError(str(error)) from None
        if settings.EMAIL_CONFIGURED:
            self.stdout.write("Sent. If it does not arrive, look into the mail server's log and the folder of spam.")
        else:
            self.stdout.write(f"EMAIL_URL is not set, so the mail waits as a file in {settings.EMAIL_FILE_PATH}.")
