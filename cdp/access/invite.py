"""Inviting a colleague: one link, once, for three days. Whoever has the link sets a password and is in."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse

from cdp.access import mailing
from cdp.access.models import Invitation
from cdp.access.roles import ROLES
from cdp.access.users import set_roles
from cdp.audit import Actor, record

LASTING = timedelta(hours=72)


class NotInvited(ValueError):
    """Nobody can be invited like this; `field` names what is wrong, the text says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Invited:
    """An invitation, and its link where nobody was mailed: to be shown once. `problem`: why no mail went."""

    invitation: Invitation
    link: str
    problem: str = ""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def invite(email: str, roles: Sequence[str], *, by: Actor, at: datetime) -> Invited:
    """Invites whoever reads this mailbox to these roles, and sends the link. Raises NotInvited."""
    wanted = list(dict.fromkeys(roles))
    if not wanted or not set(wanted) <= ROLES.keys():
        raise NotInvited("roles", f"a role is one of {', '.join(ROLES)}")
    if User.objects.filter(Q(username__iexact=email) | Q(email__iexact=email)).exists():
        raise NotInvited("email", "somebody with this address has an account already")
    token = secrets.token_urlsafe(32)
    # One that ran out makes room for another.
    stale = Invitation.objects.filter(email__iexact=email, accepted_at=None, revoked_at=None, expires_at__lte=at)
    try:
        with transaction.atomic():
            stale.update(revoked_at=at)
            invitation = Invitation.objects.create(
                email=email,
                roles=wanted,
                token_hash=_hash(token),
                invited_by=f"{by.kind}:{by.id}",
                sent_at=at,
                expires_at=at + LASTING,
            )
            record("invitation.create", by=by, object=("invitation", invitation.pk), details={"roles": wanted})
    except IntegrityError:
        raise NotInvited("email", "this address is invited already: send that invitation again, or revoke it") from None
    return _send(invitation, token)


def resend(invitation: Invitation, *, by: Actor, at: datetime) -> Invited:
    """A new link, for another three days; the old one ends. Raises NotInvited for one that was accepted or revoked."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        row = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if row.accepted_at or row.revoked_at:
            raise NotInvited("", "it was accepted or revoked: invite anew")
        row.token_hash, row.sent_at, row.expires_at = _hash(token), at, at + LASTING
        row.save(update_fields=["token_hash", "sent_at", "expires_at"])
        record("invitation.resend", by=by, object=("invitation", row.pk))
    return _send(row, token)


def revoke(invitation: Invitation, *, by: Actor, at: datetime) -> bool:
    """Ends the link; whether it was one that could still be accepted."""
    with transaction.atomic():
        done = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(revoked_at=at)
        if done:
            record("invitation.revoke", by=by, object=("invitation", invitation.pk))
    return bool(done)


def _send(invitation: Invitation, token: str) -> Invited:
    link = settings.PUBLIC_URL + reverse("invitation", args=[token])
    if not settings.EMAIL_CONFIGURED:
        return Invited(invitation, link, "No mail server is set (EMAIL_URL).")
    context = {"link": link, "hours": int(LASTING.total_seconds() // 3600), "roles": titles(invitation.roles)}
    try:
        mailing.send(invitation.email, "access/mail/invitation.txt", context, at=invitation.sent_at)
    except mailing.NotSent as error:
        return Invited(invitation, link, str(error))
    return Invited(invitation, "")


def titles(roles: Sequence[str]) -> str:
    """Roles as people call them."""
    return ", ".join(ROLES[role].title.lower() for role in roles if role in ROLES)


def find(token: str, *, at: datetime) -> Invitation | None:
    """The invitation of this link, if it can still be accepted."""
    return Invitation.objects.all().live(at=at).filter(token_hash=_hash(token)).first()


def accept(token: str, password: str, *, at: datetime) -> User | None:
    """Makes the account, once; None for a link that is no more. Raises ValidationError for a password that is too weak."""
    with transaction.atomic():
        found = Invitation.objects.select_for_update().live(at=at).filter(token_hash=_hash(token)).first()
        if found is None:
            return None
        user = User(username=found.email.lower(), email=found.email)
        validate_password(password, user)
        if User.objects.filter(username=user.username).exists():  # made by hand meanwhile: not to be taken over
            return None
        user.set_password(password)
        user.save()
        set_roles(user, found.roles)
        found.accepted_at, found.user = at, user
        found.save(update_fields=["accepted_at", "user"])
        by = Actor("user", str(user.pk), role=",".join(sorted(found.roles)))
        record("invitation.accept", by=by, object=("invitation", found.pk), details={"roles": found.roles})
    return user
