"""What a run of `manage.py link` found, told to a person: in the terminal, and as an HTML file that needs nothing else."""

from dataclasses import dataclass
from pathlib import Path

from django.template.loader import render_to_string
from rich.console import Console
from rich.table import Table

from identity.linkfile import Unusable
from identity.linkrun import Outcome
from identity.matching.scoring import Match
from identity.matching.summary import doubtful

_WIDTH = 44  # characters of the longest bar


@dataclass(frozen=True, slots=True)
class Explained:
    """A pair and its waterfall. bars: (field, level, bits in all)."""

    left: str
    right: str
    match: Match
    together: bool

    @property
    def bars(self) -> list[tuple[str, str, float]]:
        """The parts that weigh anything."""
        titles = {
            "prior": "before anything is known",
            "kin": "others may share that much",
            "labels": "from decisions",
        }
        parts = self.match.parts
        return [
            (titles.get(part.field, part.field), part.level, part.bits + part.rarity_bits)
            for part in parts
            if abs(part.bits + part.rarity_bits) >= 0.05 or part.level
        ]


def explained(outcome: Outcome, count: int) -> list[Explained]:
    """The surest pair, and those nearest to even odds."""
    linked = outcome.linked
    which = doubtful(linked, count)
    left, right = linked.left[which], linked.right[which]
    cluster, ids = linked.partition.cluster, outcome.records.ids
    matches = linked.scorer.matches(left, right)
    return [
        Explained(ids[a], ids[b], match, bool(cluster[a] == cluster[b]))
        for a, b, match in zip(left.tolist(), right.tolist(), matches, strict=True)
    ]


def show(console: Console, outcome: Outcome, *, explain: int) -> None:
    """Prints the summary."""
    found = outcome.summary
    console.print(
        f"[bold]{found.records:,}[/] records are [bold]{found.clusters:,}[/] in all "
        f"({found.records - found.clusters:,} are repeats). Written to {outcome.out}", highlight=False,
    )  # fmt: skip
    console.print(
        f"Estimated by the model: {found.precision:.1%} of the pairs put together are right, "
        f"{found.recall:.1%} of the true ones are found. Threshold {outcome.linked.threshold:g}"
        + ("" if found.suggested == outcome.linked.threshold else f", suggested {found.suggested:g}")
        + f". {found.unsure:,} pairs are near even odds, {found.weak:,} joins were close.", highlight=False,
    )  # fmt: skip
    console.print()
    _bars(console, "Weight of pairs, in bits", [(f"{low:+d}", n) for low, n in found.histogram], root=True)
    _bars(console, "Records in a cluster", found.sizes)
    _fields(console, outcome)
    for rule in found.crowded[:5]:
        console.print(
            f"Blocks badly: {rule.name} - {rule.retired:,} values too frequent to compare by alone "
            f"(one in {rule.largest:,} records); finer keys were used.", highlight=False,
        )  # fmt: skip
    for name, value in found.junk[:12]:
        console.print(f"Says nothing, so left out: {name} = {value!r}", highlight=False, markup=False)
    for one in explained(outcome, explain):
        _waterfall(console, one)


def _bars(console: Console, title: str, bars: list[tuple[str, int]], *, root: bool = False) -> None:
    """A text chart. root: lengths by square root, so that the few matches are seen beside the many others."""
    console.print(
        f"[bold]{title}[/]" + (" (bar lengths by square root; first, all that are out of the question)" if root else "")
    )
    most = max((n for _, n in bars), default=1)
    for label, n in bars:
        length = round(_WIDTH * ((n / most) ** 0.5 if root else n / most))
        console.print(f"{label:>8} {'█' * length or '▏'} {n:,}", highlight=False)
    console.print()


def _fields(console: Console, outcome: Outcome) -> None:
    table = Table("field", "filled", "bits when equal", box=None, header_style="bold")
    for name, _, filled, bits in outcome.summary.filled:
        table.add_row(name, f"{filled:.0%}", f"{bits:+.1f}")
    console.print(table)
    console.print()


def _waterfall(console: Console, one: Explained) -> None:
    verdict = "together" if one.together else "apart"
    console.print(
        f"\n{one.left} and {one.right}: {one.match.probability:.1%}, {verdict}",
        highlight=False,
        markup=False,
        style="bold",
    )
    total = 0.0
    for field, level, bits in one.bars:
        total += bits
        style = "green" if bits > 0 else "red"
        bar = ("+" if bits > 0 else "-") * min(round(abs(bits)), 30)
        console.print(f"  {field:<32}{level:<42}{bits:+7.1f}  ", end="", highlight=False, markup=False)
        console.print(bar, style=style, highlight=False, markup=False)
    console.print(f"  {'sum':<74}{total:+7.1f}", highlight=False, markup=False)


def write(path: Path, outcome: Outcome, *, explain: int) -> None:
    """Writes the report. Raises Unusable."""
    found = outcome.summary
    context = {
        "outcome": outcome,
        "summary": found,
        "histogram": _columns([(f"{low:+d}", n) for low, n in found.histogram], root=True),
        "sizes": _columns(found.sizes),
        "pairs": [_drawn(one) for one in explained(outcome, explain)],
        "fields": found.filled,
    }
    try:
        path.write_text(render_to_string("identity/link_report.html", context), encoding="utf-8")
    except OSError as error:
        raise Unusable(f"cannot write {path}: {error.strerror}") from None


def _columns(bars: list[tuple[str, int]], *, root: bool = False) -> list[dict[str, object]]:
    """Bars of an SVG chart 640 wide and 160 high."""
    most = max((n for _, n in bars), default=1)
    step = 640 / max(len(bars), 1)
    drawn: list[dict[str, object]] = []
    for at, (label, n) in enumerate(bars):
        height = max(150 * ((n / most) ** 0.5 if root else n / most), 1.5)
        drawn.append({
            "x": round(at * step + step * 0.1, 1), "y": round(160 - height, 1), "width": round(step * 0.8, 1),
            "height": round(height, 1), "middle": round(at * step + step / 2, 1), "label": label, "n": n,
            "shown": len(bars) <= 16 or at % 4 == 0,
        })  # fmt: skip
    return drawn


def _drawn(one: Explained) -> dict[str, object]:
    """A waterfall: each bar starts where the one before it ended."""
    ends = [0.0]
    for _, _, bits in one.bars:
        ends.append(ends[-1] + bits)
    low, high = min(ends), max(ends)
    scale = 300 / max(high - low, 1.0)
    rows = [
        {
            "field": field, "level": level, "bits": bits, "gain": bits > 0, "y": at * 22,
            "x": round((min(ends[at], ends[at + 1]) - low) * scale, 1), "width": round(max(abs(bits) * scale, 1), 1),
        }
        for at, (field, level, bits) in enumerate(one.bars)
    ]  # fmt: skip
    return {"one": one, "rows": rows, "height": len(rows) * 22 + 4, "zero": round(-low * scale, 1)}
