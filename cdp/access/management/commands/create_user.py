"""Makes someone who can sign in."""

import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.utils import timezone

from cdp.access.invite import NotInvited, invite
from cdp.access.roles import ROLES, ensure_roles
from cdp.access.users import create_user
from cdp.audit import Actor


def _ask() -> str:
    """A password typed twice that passes the installation's rules; "" to have one made."""
    first = getpass.getpass("Password (empty: make one): ")
    if not first:
        return ""
    if first != getpass.getpass("Again: "):
        raise CommandError("the two passwords differ")
    try:
        validate_password(first)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    return first


class Command(BaseCommand):
    """manage.py create_user NAME --role R [--invite]"""

    help = "Make a user with a role (or give an existing one this role and a new password)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="the name to sign in with")
        parser.add_argument("--role", required=True, choices=list(ROLES), help="what this person may do")
        parser.add_argument(
            "--invite", action="store_true", help="the name is an e-mail address: send it an invitation"
        )
        parser.add_argument("--generate", action="store_true", help="make a password without asking, and print it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["invite"]:
            return self._invite(options["username"], options["role"])
        given = "" if options["generate"] or not sys.stdin.isatty() else _ask()
        ensure_roles()
        user, password = create_user(
            options["username"], options["role"], given or None, by=Actor("system", "create_user")
        )
        self.stderr.write(f"{user.username} may sign in at /admin/ as {ROLES[options['role']].title.lower()}.")
        if not given:
            self.stderr.write("Password, shown this once:")
            self.stdout.write(password)

    def _invite(self, address: str, role: str) -> None:
        ensure_roles()
        try:
            validate_email(address)
            invited = invite(address, [role], by=Actor("system", "create_user"), at=timezone.now())
        except ValidationError:
            raise CommandError("with --invite the name is an e-mail address") from None
        except NotInvited as error:
            raise CommandError(str(error)) from None
        if not invited.link:
            self.stderr.write("The invitation is on its way by e-mail.")
            return
        self.stderr.write(
            f"{invited.problem} Hand over this link yourself; it is shown this once and works for 72 hours:"
        )
        self.stdout.write(invited.link)
