"""Six roles, each a Django group: which scopes they open in REST, and which permissions they hold in admin.

`ensure_roles()` may run at every start: it makes what is missing and takes away what the table no longer grants.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from cdp.access.scopes import any_grants

VIEW, CHANGE, ALL = ("view",), ("view", "change"), ("view", "add", "change", "delete")


@dataclass(frozen=True)
class Role:
    """`permissions` maps "app" or "app.model" to the verbs granted there; the more exact name wins."""

    title: str
    description: str
    scopes: tuple[str, ...] = ()
    permissions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    staff: bool = True
    rounded: bool = False  # sees counts of people rounded


ROLES: dict[str, Role] = {
    "admin": Role(
        "Administrator",
        "Configures sources, keys, users and the catalogue. Sees no personal data.",
        ("sources:*", "catalogue:*", "segments:read"),
        {
            "access": ALL,
            "auth.user": ALL,
            "auth.group": VIEW,
            "sources": ALL,
            "catalogue": ALL,
            "connectors": ALL,
            "consent.purpose": ALL,
            "consent.notice": ALL,
            "segments.segment": VIEW,
            "identity.attributerule": CHANGE,
            "axes": ("view", "delete"),
        },
        rounded=True,
    ),
    "steward": Role(
        "Data steward",
        "Keeps profiles right: reviews merges, and sees identifying values with a purpose and a reason.",
        (
            "profiles:read",
            "profiles:write",
            "profiles:reveal",
            "groups:read",
            "merges:*",
            "consents:read",
            "segments:read",
            "sources:*",
            "catalogue:*",
        ),
        {
            "identity": CHANGE,
            "groups": VIEW,
            "events": VIEW,
            "catalogue": CHANGE,
            "sources": VIEW,
            "connectors": CHANGE,
            "consent": VIEW,
            "segments": VIEW,
        },
    ),
    "marketer": Role(
        "Marketer",
        "Builds segments and sees the people in them, masked.",
        ("profiles:read", "groups:read", "segments:*", "consents:read", "sources:read", "catalogue:read"),
        {
            "segments": ALL,
            "identity": VIEW,
            "groups": VIEW,
            "consent.purpose": VIEW,
            "consent.notice": VIEW,
            "sources": VIEW,
            "catalogue": VIEW,
        },
    ),
    "analyst": Role(
        "Analyst",
        "Sees segments and sources in rounded counts, no people.",
        ("segments:read", "sources:read", "catalogue:read"),
        {"segments.segment": VIEW, "sources": VIEW, "catalogue": VIEW},
        rounded=True,
    ),
    "compliance": Role(
        "Compliance officer",
        "Audit, consent and requests. Sees no profiles.",
        ("audit:read", "consents:*", "sources:read", "catalogue:read"),
        {"audit": VIEW, "consent": ALL, "sources": VIEW, "catalogue": VIEW, "access.apikey": VIEW},
        rounded=True,
    ),
    "integration": Role(
        "Integration",
        "For machines: sends data about customers. No admin.",
        ("update:write",),
        staff=False,
    ),
}


def roles_of(user: Any) -> frozenset[str]:
    """The roles of a Django user; nobody else has any. A superuser counts as an administrator: that is no right to
    personal data."""
    if not getattr(user, "is_authenticated", False) or not hasattr(user, "groups"):
        return frozenset()
    known: frozenset[str] | None = getattr(user, "_cdp_roles", None)
    if known is None:
        known = frozenset(user.groups.filter(name__in=ROLES).values_list("name", flat=True))
        if user.is_superuser:
            known |= {"admin"}
        user._cdp_roles = known
    return known


def scopes_of(user: Any) -> frozenset[str]:
    """The scopes that a signed-in user's roles open."""
    return frozenset(scope for role in roles_of(user) for scope in ROLES[role].scopes)


def holds(user: Any, scope: str) -> bool:
    """Does one of the user's roles open a door that wants this scope?"""
    return any_grants(scopes_of(user), scope)


def _permissions(table: dict[str, tuple[str, ...]]) -> Iterable[Permission]:
    """The rows of the table, not saved."""
    for label, models in _by_app(table).items():
        for model in models:
            verbs = table.get(f"{label}.{model._meta.model_name}", table.get(label, ()))
            content_type = ContentType.objects.get_for_model(model, for_concrete_model=False)
            for verb in verbs:
                name = f"Can {verb} {model._meta.verbose_name_raw}"
                yield Permission(content_type=content_type, codename=f"{verb}_{model._meta.model_name}", name=name)


def _saved(permissions: Iterable[Permission]) -> list[Permission]:
    """The same from the database, made there if a migration has not made them yet."""
    wanted = {(it.content_type_id, it.codename): it for it in permissions}
    rows = Permission.objects.order_by().filter(content_type__in={content_type for content_type, _ in wanted})
    found = {(it.content_type_id, it.codename): it for it in rows}
    missing = [it for key, it in wanted.items() if key not in found]
    if missing:
        Permission.objects.bulk_create(missing, ignore_conflicts=True)  # another command may be at it too
        found = {(it.content_type_id, it.codename): it for it in rows.all()}
    return [found[key] for key in wanted]


def _by_app(names: Collection[str]) -> dict[str, list[Any]]:
    labels = {name.partition(".")[0] for name in names}
    return {config.label: list(config.get_models()) for config in apps.get_app_configs() if config.label in labels}


def ensure_roles() -> None:
    """Makes the six groups with exactly the permissions of the table. Idempotent; safe when two run at once."""
    with transaction.atomic():
        for name, role in ROLES.items():
            group, _ = Group.objects.get_or_create(name=name)
            group.permissions.set(_saved(_permissions(role.permissions)))
