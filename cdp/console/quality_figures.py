"""The figures of the quality page: what the last look counted, how large profiles are, how often merges are right."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from cdp.console import charts
from cdp.console.charts import Part
from cdp.console.figures import remembered
from identity import estimate, quality, queue
from identity.estimate import Share
from identity.models import MatchModel, Profile, QualityScan, Review

_POINTS, _FILLED = 60, 24
_SIZES_SECONDS = 30  # counting them reads all profiles
_DOUBTFUL = ("near_even", "guard")
_CLASSES = {
    "1": Q(records=1), "2": Q(records=2), "3": Q(records=3), "4": Q(records=4), "5 to 9": Q(records__range=(5, 9)),
    "10 and more": Q(records__gte=10),
}  # fmt: skip


def figures(*, at: datetime) -> dict[str, Any]:
    """What the upper part of the page shows. `mark`: another one says that the lists below it are of before."""
    scans = quality.series(_POINTS)
    last = scans[-1] if scans else None
    ratios = [_ratio(it) for it in scans]
    empty = [charts.Bar(0, "")] * max(0, _FILLED - len(scans))
    whole = QualityScan.objects.exclude(ended_at=None).filter(since=None).order_by("-ended_at").first()
    return {
        "now": at,
        "scan": quality.under_way(),
        "mark": str(whole.id) if whole else "",
        "last": last,
        "suspected": last.counts.get("suspects", 0) if last else 0,
        "missed": queue.reviews().filter(state=Review.State.OPEN, reason__in=_DOUBTFUL).count(),
        "ratio": charts.bars([*empty, *map(_bar, scans)], height=90, label="Profiles for 100 records"),
        "ratios": {"last": ratios[-1], "low": min(ratios), "high": max(ratios)} if ratios else None,
        "since": scans[0].ended_at if scans else None,
        "sizes": remembered("profile_sizes", _SIZES_SECONDS, _sizes),
        "estimates": estimates(last.counts if last else {}),
        "sample": Review.objects.filter(reason="sample", state=Review.State.OPEN).count(),
    }


def _sizes() -> str:
    """How many profiles have how many records. Reads all profiles."""
    counted = Profile.objects.aggregate(**{f"n{at}": Count("id", filter=q) for at, q in enumerate(_CLASSES.values())})
    parts = [Part(name, counted[f"n{at}"], "tone-main") for at, name in enumerate(_CLASSES)]
    return charts.columns(parts, label="Profiles by how many records they have")


def _ratio(scan: QualityScan) -> float:
    """Profiles for 100 records."""
    records: int = scan.counts.get("records", 0)
    return 100 * scan.counts.get("profiles", 0) / records if records else 0.0


def _bar(scan: QualityScan) -> charts.Bar:
    records, profiles, value = scan.counts.get("records", 0), scan.counts.get("profiles", 0), _ratio(scan)
    return charts.Bar(
        value, f"{scan.ended_at:%-d %b %Y %H:%M}: {profiles:,} profiles of {records:,} records ({value:.1f} %)"
    )


def estimates(counts: dict[str, int]) -> list[dict[str, Any]]:
    """Precision and recall of pairs: as the model in force expects them, and as stewards' answers say."""
    rows = []
    model = MatchModel.objects.filter(state=MatchModel.State.ACTIVE).first()
    if model is not None:
        for name in ("precision", "recall"):
            value = model.summary.get("estimated", {}).get(name)
            if value is not None:
                how = f"of likeness, as version {model.version} of the model expects"
                rows.append({"what": name, "how": how, "value": value, "percent": round(100 * value, 2)})
    answers = Review.objects.filter(state__in=(Review.State.SAME, Review.State.DIFFERENT))
    said = answers.aggregate(
        right=Count("id", filter=Q(reason="sample", state="same")), drawn=Count("id", filter=Q(reason="sample")),
        lost=Count("id", filter=Q(reason__in=_DOUBTFUL, state="same")),
        doubtful=Count("id", filter=Q(reason__in=_DOUBTFUL)),
    )  # fmt: skip
    precision = estimate.wilson(said["right"], said["drawn"])
    missed = estimate.wilson(said["lost"], said["doubtful"])
    if precision:
        rows.append(_row("precision", "of a sample of linked pairs, by stewards", precision))
    if precision and missed:
        doubtful = queue.reviews().filter(reason__in=_DOUBTFUL, state=Review.State.OPEN).count()
        found = estimate.recall(precision, counts.get("pairs", 0), missed, doubtful)
        rows.append(_row("recall", "of pairs that were compared, by stewards", found))
    return rows


def _row(what: str, how: str, share: Share) -> dict[str, Any]:
    return {
        "what": what, "how": how, "value": share.value, "low": share.low, "high": share.high, "of": share.of,
        "from": round(100 * share.low, 2), "width": round(100 * (share.high - share.low), 2),
    }  # fmt: skip
