"""Tells of alerts by e-mail: once when one opens, once when it closes, one mail to each who wants it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse

from cdp.access.mailing import NotSent, pausing, send
from cdp.alerts.models import Alert, Subscriber

log = structlog.get_logger(__name__)
TRYING = timedelta(hours=6)  # a mail server that is away is asked again for so long


def recipients() -> list[str]:
    """The addresses of ALERT_EMAILS and of the active users who asked, each once."""
    asked = User.objects.filter(is_active=True, pk__in=Subscriber.objects.values("user")).exclude(email="")
    addresses = [*settings.ALERT_EMAILS, *asked.values_list("email", flat=True)]
    return list({address.lower(): address for address in addresses}.values())


@transaction.atomic
def tell(*, at: datetime) -> int:
    """Sends what has not been told yet; how many alerts that was about. What nobody wants to hear counts as told."""
    rows = Alert.objects.select_for_update(skip_locked=True).opened()
    opened = list(rows.filter(told_open_at=None))
    closed = list(rows.filter(closed_at__isnull=False, told_closed_at=None))
    # What opened and closed between two looks is one story: its end tells it all.
    opened = [alert for alert in opened if alert.closed_at is None]
    if not (opened or closed):
        return 0
    if _sent(opened, closed, at) or _given_up([*opened, *closed], at):
        Alert.objects.filter(pk__in=[alert.pk for alert in opened]).update(told_open_at=at)
        Alert.objects.filter(pk__in=[alert.pk for alert in closed]).update(told_open_at=at, told_closed_at=at)
    return len(opened) + len(closed)


def _sent(opened: Sequence[Alert], closed: Sequence[Alert], at: datetime) -> bool:
    """Did it reach anybody? When no one could be reached, it is tried again, after a pause where that is the server's fault."""
    addresses = recipients()
    if addresses and pausing(at):
        return False
    first = (opened or closed)[0]
    context = {
        "opened": opened,
        "closed": closed,
        "first": first.title,
        "host": urlsplit(settings.PUBLIC_URL).hostname,
        "page": reverse("admin:alerts_alert_changelist"),
    }
    sent = 0
    for address in addresses:
        try:
            send(address, "alerts/mail.txt", context, at=at)
            sent += 1
        except NotSent as error:
            if not error.alone:
                break
    if sent < len(addresses):
        log.warning("alerts.mail_not_sent", n=len(addresses) - sent)
    return bool(sent) or not addresses


def _given_up(alerts: Sequence[Alert], at: datetime) -> bool:
    moments = [alert.closed_at or alert.opened_at for alert in alerts]
    return any(moment is not None and at - moment > TRYING for moment in moments)
