"""Weights of evidence, one after the other, as a picture: each bar begins where the last one ended. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH, _ROW = 340, 36  # as wide as the column it stands in, or its letters would be made small: words above each bar
_WORDS = 17  # as high as the words above a bar
_FOOT, _LETTER = 14, 5.4  # of the words under the lines: height of a row, width of a letter


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
        return (bits - low) / span * _WIDTH

    bars = [_bar(row, step, x(begin), x(end)) for row, (step, (begin, end)) in enumerate(zip(steps, ends, strict=True))]
    bars.append(_bar(len(steps), Step("together", "", total), x(0.0), x(total), last=True))
    foot = _ROW * (len(steps) + 1) + 2
    lines = [("zero", x(0.0), "even odds"), *(("mark", x(bits), words) for bits, words in marks)]
    drawn = format_html_join(
        "",
        '<path class="{}" d="{}"/><text class="foot" x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (tone, _down(at, len(bars)), f"{_inside(at, words):.1f}", foot + _FOOT * row - 3, words)
            for row, (tone, at, words) in enumerate(lines, start=1)
        ),
    )
    return format_html(
        '<svg class="waterfall" viewBox="0 0 {} {}" role="img" aria-label="Weights of evidence, in bits">{}{}</svg>',
        _WIDTH, foot + _FOOT * len(lines), drawn, format_html_join("", "{}", ((bar,) for bar in bars)),
    )  # fmt: skip


def _down(at: float, rows: int) -> str:
    """A line down through the bars, which leaves out the words above each."""
    return " ".join(f"M{at:.1f} {row * _ROW + _WORDS}V{(row + 1) * _ROW}" for row in range(rows))


def _inside(at: float, words: str) -> float:
    """The middle of words under a line, so far from the edges that they are whole."""
    half = len(words) * _LETTER / 2
    return min(max(at, half), _WIDTH - half)


def _bar(row: int, step: Step, begin: float, end: float, *, last: bool = False) -> SafeString:
    tone = "tone-main" if last else "tone-calm" if step.start else "tone-good" if step.bits >= 0 else "tone-bad"
    top = row * _ROW
    return format_html(
        '<g class="{} {}"><title>{}: {} ({} bits)</title><text x="0" y="{}">{}<tspan class="note" dx="6">{}</tspan></text>'
        '<rect x="{}" y="{}" width="{}" height="10" rx="2"/><text class="bits" x="{}" y="{}" text-anchor="end">{}</text></g>',
        tone, "sum" if last else "", step.label, step.note or "all of it", f"{step.bits:+.1f}", top + 13, step.label,
        step.note, f"{min(begin, end):.1f}", top + 19, f"{max(abs(end - begin), 1.5):.1f}", _WIDTH, top + 13,
        f"{step.bits:+.1f}",
    )  # fmt: skip
