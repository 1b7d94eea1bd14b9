"""Jobs of identity. A task may run twice and carries nothing: what is to be done stands in the database."""

from datetime import UTC, datetime

from celery import shared_task

from identity import quality, recompute

SOON = recompute.SETTLED + 1  # seconds after a rule was chosen


@shared_task
def apply_rules() -> None:
    """Brings golden records up to date with rules that changed, also those of a job that was lost with a killed process."""
    for rule_id in recompute.waiting():
        while recompute.step(rule_id, at=datetime.now(UTC)):
            pass


@shared_task
def check_quality() -> None:
    """Looks for profiles that may be more than one person where it is due, or goes on with a look that was begun."""
    now = datetime.now(UTC)
    if not (quality.under_way() or quality.due(at=now)):
        return
    scan = quality.begin(at=now)
    while quality.step(scan.id, at=datetime.now(UTC)):
        pass


@shared_task
def go_on_matching() -> None:
    """Trains, compares and switches models, also where that was lost with a killed process; then hears who refuses or agrees
    to be recognised by likeness."""
    from identity.linking import jobs, refusals

    jobs.go_on(clock=lambda: datetime.now(UTC))
    refusals.catch_up(clock=lambda: datetime.now(UTC))


@shared_task
def retrain_matching() -> None:
    """Trains a new version of the matching model where it is due."""
    from identity.linking import jobs

    jobs.retrain_if_due(at=datetime.now(UTC))
