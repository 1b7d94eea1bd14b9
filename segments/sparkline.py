"""A line of sizes as a small SVG picture. Pure."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

_WIDTH, _HEIGHT = 120, 28


def sparkline(sizes: Sequence[int]) -> SafeString:
    """The sizes from left to right; the lowest of the picture is 0."""
    if not sizes:
        return format_html("")
    top = max(*sizes, 1) if len(sizes) > 1 else max(sizes[0], 1)
    step = _WIDTH / max(len(sizes) - 1, 1)
    points = [(n * step, _HEIGHT - 2 - (size / top) * (_HEIGHT - 4)) for n, size in enumerate(sizes)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return format_html(
        '<svg role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}" style="display:inline-block">'
        '<polygon points="0,{} {} {},{}" fill="currentColor" opacity=".12"/>'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>',
        f"{len(sizes)} days: from {sizes[0]:,} to {sizes[-1]:,}", _WIDTH, _HEIGHT, _WIDTH, _HEIGHT,
        _HEIGHT, line, _WIDTH, _HEIGHT, line,
    )  # fmt: skip
