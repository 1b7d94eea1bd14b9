"""Opens and closes alerts to match what was found."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cdp.alerts.kinds import KINDS
from cdp.alerts.models import Alert


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that holds now. `about` names its object (a source's id, a machine), `label` what people call that."""

    kind: str
    what: str
    about: str = ""
    label: str = ""


@transaction.atomic
def update(findings: Sequence[Finding], *, looked_for: Collection[str], at: datetime) -> None:
    """Makes the alerts agree with the findings, as of `at`; one process at a time calls it.

    Only alerts of the kinds in `looked_for` are closed: a look that failed says nothing. A condition that went away before
    it had lasted long enough leaves no trace."""
    now = {(it.kind, it.about): it for it in findings}
    for alert in Alert.objects.select_for_update().filter(closed_at=None):
        finding = now.pop((alert.kind, alert.about), None)
        if finding:
            _go_on(alert, finding, at)
        elif alert.kind in looked_for:
            _end(alert, at)
    for finding in now.values():
        alert = Alert(kind=finding.kind, about=finding.about, since=at)
        _go_on(alert, finding, at)


def _go_on(alert: Alert, finding: Finding, at: datetime) -> None:
    alert.what, alert.label = finding.what[:300], finding.label[:64]
    if alert.opened_at is None and at - alert.since >= KINDS[alert.kind].lasting:
        alert.opened_at = at
    alert.save()


def _end(alert: Alert, at: datetime) -> None:
    if alert.opened_at is None:
        alert.delete()
        return
    alert.closed_at = at
    alert.save(update_fields=["closed_at"])
