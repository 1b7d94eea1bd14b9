"""People who sign in: Django users, each with one or more roles."""

import secrets
from collections.abc import Collection

from django.contrib.auth.models import Group, User
from django.db import transaction

from cdp.access.roles import ROLES
from cdp.audit import Actor, record


class UnknownRole(ValueError):
    """A role that does not exist; the text lists those that do."""

    def __init__(self) -> None:
        super().__init__(f"a role is one of {', '.join(ROLES)}")


def create_user(username: str, role: str, password: str | None = None, *, by: Actor) -> tuple[User, str]:
    """A user with exactly this role, and the password (made here if none is given). Raises UnknownRole.

    An existing user of that name gets the role and the password: a lost password is replaced the same way."""
    if role not in ROLES:
        raise UnknownRole
    password = password or secrets.token_urlsafe(12)
    with transaction.atomic():
        user, made = User.objects.get_or_create(username=username)
        user.set_password(password)
        user.is_active = True
        user.save()
        set_roles(user, [role])
        record("user.create" if made else "user.reset", by=by, object=("user", user.pk), details={"roles": [role]})
    return user, password


def set_roles(user: User, roles: Collection[str]) -> None:
    """Gives exactly these roles, in the caller's transaction and without an audit entry of its own. Raises UnknownRole.

    Whoever has a role with admin pages may sign in there (`is_staff`)."""
    if not set(roles) <= ROLES.keys():
        raise UnknownRole
    groups = list(Group.objects.filter(name__in=roles))
    if len(groups) != len(set(roles)):
        raise LookupError("the roles are not made yet: run `manage.py ensure_roles`")
    user.groups.set(groups)
    sync_staff(user)


def sync_staff(user: User) -> None:
    """Lets into admin whoever has a role there (or is a superuser), and nobody else."""
    names = user.groups.values_list("name", flat=True)
    user.is_staff = user.is_superuser or any(ROLES[name].staff for name in names if name in ROLES)
    user.save(update_fields=["is_staff"])
    user.__dict__.pop("_cdp_roles", None)
