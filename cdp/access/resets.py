"""A link for a new password: asked for on a page, sent a moment later by whoever looks after the installation."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from cdp.access import rates
from cdp.access.buckets import Policy
from cdp.access.mailing import NotSent, pausing, send
from cdp.access.models import Reset
from cdp.audit import Actor, record

_MAILS = Policy(5, 3600)  # to one person: whoever knows an address must not be able to fill its mailbox
_AT_ONCE = 20  # links sent in one look


def ask(user: User, *, at: datetime) -> bool:
    """Has the link sent; whether it will be: after a few in an hour no more go to one person."""
    # The number alone may once have been another's.
    may = rates.within(f"reset:{user.pk}:{user.date_joined.timestamp()}", _MAILS)
    outcome = "success" if may else "denied"
    with transaction.atomic():
        record("user.ask_reset", by=Actor("anonymous", ""), object=("user", user.pk), outcome=outcome)
        if may:
            Reset.objects.update_or_create(user=user, defaults={"asked_at": at, "tried_at": None})
    return may


def send_due(*, at: datetime) -> int:
    """Sends the links that were asked for in the last hour and have not gone; how many went. Older ones are forgotten."""
    since = at - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    Reset.objects.filter(asked_at__lte=since).delete()
    sent = 0
    for _ in range(_AT_ONCE):
        if pausing(at) or (went := _send_next(since, at)) is None:
            break
        sent += went
    return sent


@transaction.atomic
def _send_next(since: datetime, at: datetime) -> bool | None:
    """One link; None when none is due, False when its mail did not go: it stays for another try."""
    due = Reset.objects.select_for_update(of=("self",), skip_locked=True).due(at=at, since=since)
    row = due.select_related("user").first()
    if row is None:
        return None
    user = row.user
    context = {
        "uid": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
    }
    try:
        send(user.email, "access/mail/reset.txt", context, at=at)
    except NotSent:
        row.tried_at = at
        row.save(update_fields=["tried_at"])
        return False
    row.delete()
    return True
