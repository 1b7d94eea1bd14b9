"""Weights of evidence, one after the other, as a picture: each bar begins where the last one ended. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH, _LABEL, _NUMBER, _ROW = 680, 210, 64, 24
_FROM, _TO = _LABEL, _WIDTH - _NUMBER


@dataclass(frozen=True, slots=True)
class Step:
    """One reason. `note`: what was found, in words; `bits` above 0 speak for one person, below 0 for two."""

    label: str
    note: str
    bits: float
    start: bool = False  # where every pair begins: neither for nor against


def draw(steps: Sequence[Step], *, marks: Sequence[tuple[float, str]] = ()) -> SafeString:
    """An SVG of the steps and their sum. `marks`: (bits, words) of lines across, such as the threshold."""
    ends, total = [], 0.0
    for step in steps:
        ends.append((total, total + step.bits))
        total += step.bits
    reach = [0.0, total, *(end for pair in ends for end in pair), *(bits for bits, _ in marks)]
    low, span = min(reach), (max(reach) - min(reach)) or 1.0

    def x(bits: float) -> float:
        return _FROM + (bits - low) / span * (_TO - _FROM)

    bars = [_bar(row, step, x(begin), x(end)) for row, (step, (begin, end)) in enumerate(zip(steps, ends, strict=True))]
    bars.append(_bar(len(steps), Step("together", "", total), x(0.0), x(total), last=True))
    height = _ROW * (len(steps) + 1) + 22
    lines = [(f"{x(0.0):.1f}", height - 18, "zero", "even odds"), *(
        (f"{x(bits):.1f}", height - 18, "mark", words) for bits, words in marks
    )]  # fmt: skip
    drawn = format_html_join(
        "",
        '<line class="{}" x1="{}" x2="{}" y1="0" y2="{}"/><text class="foot" x="{}" y="{}" text-anchor="middle">{}</text>',
        ((tone, at, at, foot, at, foot + 12, words) for at, foot, tone, words in lines),
    )
    return format_html(
        '<svg class="waterfall" viewBox="0 0 {} {}" role="img" aria-label="Weights of evidence, in bits">{}{}</svg>',
        _WIDTH, height, drawn, format_html_join("", "{}", ((bar,) for bar in bars)),
    )  # fmt: skip


def _bar(row: int, step: Step, begin: float, end: float, *, last: bool = False) -> SafeString:
    tone = "tone-main" if last else "tone-calm" if step.start else "tone-good" if step.bits >= 0 else "tone-bad"
    top = row * _ROW
    return format_html(
        '<g class="{} {}"><title>{}: {} ({} bits)</title><text x="0" y="{}">{}<tspan class="note" dx="6">{}</tspan></text>'
        '<rect x="{}" y="{}" width="{}" height="12" rx="2"/><text class="bits" x="{}" y="{}" text-anchor="end">{}</text></g>',
        tone, "sum" if last else "", step.label, step.note or "all of it", f"{step.bits:+.1f}", top + 15, step.label,
        step.note, f"{min(begin, end):.1f}", top + 5, f"{max(abs(end - begin), 1.5):.1f}", _WIDTH, top + 15,
        f"{step.bits:+.1f}",
    )  # fmt: skip
