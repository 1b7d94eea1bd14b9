"""Makes the six roles with exactly the permissions they should hold."""

from typing import Any

from django.core.management.base import BaseCommand

from cdp.access.roles import ROLES, ensure_roles


class Command(BaseCommand):
    """manage.py ensure_roles"""

    help = "Make the roles (Django groups) with their permissions. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_roles()
        for name, role in ROLES.items():
            self.stdout.write(f"{name:12} {role.description}")
