"""Small charts as text, drawn on the server: no script, no wait, and they take the page's colours by CSS class. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_GAP = 0.25  # of a bar's width


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its height in units of the data, and what the pointer shows over it."""

    value: float
    title: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a whole; `tone` is a CSS class of console.css."""

    label: str
    value: int
    tone: str


def ceiling(value: float) -> float:
    """The least of 1, 2, 5, 10, 20, 50 ... that is not below `value`; at least 1. Where the axis ends."""
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if step * factor >= value:
                return step * factor
        step *= 10


def bars(points: Sequence[Bar], *, height: int = 96, tone: str = "tone-main", label: str = "") -> SafeString:
    """A bar chart that fills the width it is given. Values are not negative."""
    top = ceiling(max((point.value for point in points), default=0))
    width = max(len(points), 1) * 10
    rects = format_html_join(
        "",
        '<g><rect class="hover" x="{}" y="0" width="10" height="{}"/>'
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="1"/><title>{}</title></g>',
        (
            (
                position * 10,
                height,
                _short(position * 10 + 10 * _GAP / 2),
                _short(height - _tall(point.value, top, height)),
                _short(10 * (1 - _GAP)),
                _short(_tall(point.value, top, height)),
                point.title,
            )
            for position, point in enumerate(points)
        ),
    )
    grid = format_html_join(
        "", '<line x1="0" x2="{}" y1="{}" y2="{}"/>', ((width, y, y) for y in (0.5, height / 2, height - 0.5))
    )
    return format_html(
        '<svg class="plot {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<g class="grid">{}</g>{}</svg>',
        tone, width, height, label, grid, rects,
    )  # fmt: skip


def columns(points: Sequence[Part], *, label: str = "") -> SafeString:
    """Columns with their values above and their names below."""
    top = max((point.value for point in points), default=0) or 1
    drawn = format_html_join(
        "",
        '<div class="{}" title="{}: {}"><div class="room"><span class="n">{}</span><span class="bar" style="height:{}%"></span>'
        '</div><span class="label">{}</span></div>',
        ((it.tone, it.label, f"{it.value:,}", f"{it.value:,}", _short(88 * it.value / top), it.label) for it in points),
    )
    return format_html('<div class="columns" role="img" aria-label="{}">{}</div>', label, drawn)


def _tall(value: float, top: float, height: int) -> float:
    """Anything above nothing is seen."""
    return max(value / top * (height - 2), 1.5) if value > 0 else 0.0


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def stack(parts: Sequence[Part], *, label: str = "") -> SafeString:
    """One horizontal bar of parts, as wide as they are; nothing at all shows as an empty bar."""
    total = sum(part.value for part in parts)
    spans = format_html_join(
        "",
        '<span class="{}" style="width:{}%" title="{}: {}"></span>',
        (
            (part.tone, _short(100 * part.value / total), part.label, f"{part.value:,}")
            for part in parts
            if total and part.value
        ),
    )
    return format_html('<div class="stack" role="img" aria-label="{}">{}</div>', label, spans)


def line(values: Sequence[float], *, width: int = 120, height: int = 28, label: str = "") -> SafeString:
    """A sparkline."""
    if len(values) < 2:
        return format_html('<svg class="spark" viewBox="0 0 {} {}" aria-label="{}"></svg>', width, height, label)
    low, top = min(values), max(values)
    span = (top - low) or 1
    points = " ".join(
        f"{_short(i * width / (len(values) - 1))},{_short(height - 2 - (value - low) / span * (height - 4))}"
        for i, value in enumerate(values)
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polyline points="{}"/></svg>',
        width, height, label, points,
    )  # fmt: skip
