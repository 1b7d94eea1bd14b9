"""`up`: everything on one machine, ended by one Ctrl-C."""

import socket
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from cdp.operations.family import Family, manage
from cdp.operations.setup import set_up


class Command(BaseCommand):
    help = "Runs web, worker and beat (and, with no URLs set, PostgreSQL and Valkey). One Ctrl-C ends all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORT, help="where the web server listens (PORT)")

    def handle(self, *args: Any, **options: Any) -> None:
        set_up(lambda line: self.stderr.write(line))
        port = options["port"]
        someone = User.objects.filter(is_active=True, is_staff=True).exists()
        connections.close_all()  # this process only minds the others from here on
        where = f"http://localhost:{port}/admin/"
        how = (
            "sign in there"
            if someone
            else "nobody can sign in yet: .venv/bin/python manage.py create_user NAME --role admin"
        )
        family = Family([manage("serve", "--port", str(port)), manage("worker"), manage("beat")])
        family.catch_signals()
        ready = f"Ready: {where} ({how}). Ctrl-C ends everything."
        family.run(while_true=greeting(port, lambda: self.stderr.write(ready)))


def greeting(port: int, say: Callable[[], None]) -> Callable[[], bool]:
    """What the family asks all the time: always true, and at the first answer of the web server it says so, once."""
    waiting = True

    def ask() -> bool:
        nonlocal waiting
        if waiting and _answers(port):
            waiting = False
            say()
        return True

    return ask


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((settings.LISTEN, port), timeout=0.2):
            return True
    except OSError:
        return False
