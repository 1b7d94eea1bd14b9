"""Records and the links between them, as a picture. Pure."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from identity.profiles import LinkView

MOST = 28  # more records than this are no picture any more
_WIDTH, _HEIGHT = 640, 300
_TONES = ("tone-main", "tone-second", "tone-wait", "tone-warn", "tone-good", "tone-dark")


@dataclass(frozen=True, slots=True)
class Node:
    """A record: its source and the kind of its key."""

    id: UUID
    source: str
    kind: str


def places(count: int) -> list[tuple[float, float]]:
    """Where to put so many records: on an ellipse, the first at the left."""
    if count == 1:
        return [(_WIDTH / 2, _HEIGHT / 2)]
    turn = [math.pi + 2 * math.pi * i / count for i in range(count)]
    return [(_WIDTH / 2 + 200 * math.cos(a), _HEIGHT / 2 + 108 * math.sin(a)) for a in turn]


def draw(nodes: Sequence[Node], links: Sequence[LinkView], *, weak: Collection[tuple[UUID, UUID]] = ()) -> SafeString:
    """An SVG of up to 28 records. A line is as thick as its links weigh; the pointer shows their rules. `weak`: the pairs
    of which the lines are marked, for without them there would be two people."""
    nodes = nodes[:MOST]
    at = dict(zip((node.id for node in nodes), places(len(nodes)), strict=True))
    sources = sorted({node.source for node in nodes})
    lines: dict[tuple[UUID, UUID], list[LinkView]] = {}
    for link in links:
        if link.left in at and link.right in at:
            lines.setdefault((link.left, link.right), []).append(link)
    drawn = format_html_join(
        "",
        '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}" stroke-width="{}" stroke-opacity=".55"><title>{}</title></line>',
        (
            (
                "weak" if (left, right) in weak else "",
                *_point(at[left]),
                *_point(at[right]),
                _thick(found),
                ", ".join(f"{it.rule} ({it.weight:.0f} bits)" for it in found),
            )
            for (left, right), found in lines.items()
        ),
    )
    points = format_html_join(
        "",
        '<g class="{}"><circle cx="{}" cy="{}" r="9"/><text x="{}" y="{}" text-anchor="{}">{}</text>'
        '<text class="link-label" x="{}" y="{}" text-anchor="{}">{}</text></g>',
        (_dot(node, at[node.id], _TONES[sources.index(node.source) % len(_TONES)]) for node in nodes),
    )
    return format_html(
        '<svg class="graph" viewBox="0 0 {} {}" role="img" aria-label="Records and links">{}{}</svg>',
        _WIDTH, _HEIGHT, drawn, points,
    )  # fmt: skip


def _point(place: tuple[float, float]) -> tuple[str, str]:
    return f"{place[0]:.1f}", f"{place[1]:.1f}"


def _thick(links: Sequence[LinkView]) -> str:
    return f"{min(5.0, 1.0 + sum(it.weight for it in links) / 20):.1f}"


def _dot(node: Node, place: tuple[float, float], tone: str) -> tuple[str, ...]:
    x, y = place
    side = 0 if abs(x - _WIDTH / 2) < 30 else (1 if x > _WIDTH / 2 else -1)
    anchor = ("end", "middle", "start")[side + 1]
    text_x = f"{x + 16 * side:.1f}"
    first = y + (4 - 6 if side else (-28 if y < _HEIGHT / 2 else 24))
    return (
        tone, *_point(place), text_x, f"{first:.1f}", anchor, node.source, text_x, f"{first + 12:.1f}", anchor,
        node.kind.replace("_", " "),
    )  # fmt: skip
