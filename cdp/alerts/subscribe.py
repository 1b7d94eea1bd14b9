"""Who gets alerts by e-mail."""

from typing import Any

from django.db import transaction

from cdp.access.principals import actor_of
from cdp.alerts.models import Subscriber
from cdp.audit import record


@transaction.atomic
def subscribe(user: Any) -> None:
    """From now on the user gets them, at the address of their account. Safe to repeat."""
    _, made = Subscriber.objects.get_or_create(user=user)
    if made:
        record("alerts.subscribe", by=actor_of(user), object=("user", user.pk))


@transaction.atomic
def unsubscribe(user: Any) -> None:
    """The user gets them no more. Safe to repeat."""
    gone, _ = Subscriber.objects.filter(user=user).delete()
    if gone:
        record("alerts.unsubscribe", by=actor_of(user), object=("user", user.pk))
