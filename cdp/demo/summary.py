"""The summary as tables, and the doors to go on from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from cdp.access.roles import ROLES
from cdp.demo import figures, scoring, truth
from cdp.demo.figures import Figures
from cdp.demo.scoring import Resolved
from cdp.demo.world import PURPOSES, World

_OUTCOMES = ("accepted", "stored", "duplicates", "rejected", "suppressed", "denied", "pending")
_RIGHT, _WRONG = "[green]✓[/]", "[bold red]✗[/]"


def mark(right: bool) -> str:
    """A tick or a cross."""
    return _RIGHT if right else _WRONG


def show(console: Console, told: Figures, seconds: Mapping[str, float], *, rate: float) -> None:
    """All tables, in the order in which the data flow."""
    console.print()
    for table in (
        _flow(told), _people(told), _consents(told), _segments(told), _scores(told), _misses(told), _times(seconds, rate),
    ):  # fmt: skip
        console.print(table)
        console.print()


def _table(title: str, *columns: str, caption: str = "") -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=number > 0)
    return table


def _flow(told: Figures) -> Table:
    table = _table(
        f"Events by outcome {mark(not told.unaccounted)}", "system", "rows in", *_OUTCOMES,
        caption="accepted = stored + duplicates + rejected + suppressed + denied + pending, for every source",
    )  # fmt: skip
    files = {"loyalty": ("loyalty", "mailings")}
    for name, outcomes in told.outcomes.items():
        rows = sum(told.rows[file] for file in files.get(name, (name,)))
        table.add_row(name, f"{rows:,}", *(f"{outcomes[it]:,}" for it in _OUTCOMES))
    totals = [sum(outcomes[it] for outcomes in told.outcomes.values()) for it in _OUTCOMES]
    table.add_section()
    table.add_row("all", f"{sum(told.rows.values()):,}", *(f"{n:,}" for n in totals))
    return table


def _people(told: Figures) -> Table:
    table = _table("People", "what", "how many")
    for name in ("records", "identifiers", "profiles", "merges"):
        table.add_row(name, f"{told.counts[name]:,}")
    table.add_row("records in the largest profile", f"{max(Counter(it.profile for it in told.records).values()):,}")
    table.add_section()
    for rule, n in told.links:
        table.add_row(f"links: {rule.replace('_', ' ')}", f"{n:,}")
    table.add_section()
    for kind, why, n, most in told.retired:
        words = "junk" if why == "junk" else "shared by too many"
        table.add_row(f"retired, {words}: {kind} (of one up to {most} records)", f"{n:,}")
    return table


def _consents(told: Figures) -> Table:
    statuses = ("granted", "denied", "withdrawn")
    table = _table(
        f"Consents {mark(told.consents_confirmed)}",
        "purpose", *statuses, "in the input", "permitted", "by input", "",
        caption="granted, denied, withdrawn: entries of the ledger; permitted now: the strictest answer of a person's "
        "identifiers, grants that have run out not counted",
    )  # fmt: skip
    for purpose in PURPOSES:
        held = Counter[str]()
        for (_, about, status), n in told.ledger.items():
            held[status] += n if about == purpose else 0
        said = sum(n for (_, about, _), n in told.said.items() if about == purpose)
        right = told.permitted[purpose] == told.agreed[purpose] and sum(held.values()) == said
        table.add_row(
            purpose, *(f"{held[status]:,}" for status in statuses), f"{said:,}",
            f"{told.permitted[purpose]:,}", f"{told.agreed[purpose]:,}", mark(right),
        )  # fmt: skip
    return table


def _segments(told: Figures) -> Table:
    table = _table(
        f"Ten live segments {mark(all(size.confirmed for size in told.sizes))}",
        "segment", "members", "withheld", "by pandas", "withheld", "",
        caption="by pandas: computed from the input files, for the people as identity resolution has them; ✓ says that they are "
        "the same people. Withheld: not permitted for the segment's purpose, so counted and never listed",
    )  # fmt: skip
    for size in told.sizes:
        wanted = size.wanted
        table.add_row(
            f"[bold]{wanted.name}[/] ({wanted.purpose})\n[dim]{wanted.sentence}[/]",
            f"{len(size.listed):,}", f"{len(size.withheld):,}",
            f"{len(size.computed_listed):,}", f"{len(size.computed_withheld):,}", mark(size.confirmed),
        )  # fmt: skip
    return table


def _scores(told: Figures) -> Table:
    table = _table(
        "Who is who, against the known truth",
        "records, joined by", "n", "B³ F1", "prec.", "recall", "pair F1", "prec.", "recall",
        caption="B³: B-cubed; linkable: without the receipts paid in cash and the devices that never signed in",
    )  # fmt: skip
    for name, records in (
        ("linkable, identifiers alone", figures.linkable(told.exact)), ("linkable, likeness too", told.linkable),
        ("all, identifiers alone", told.exact), ("all, likeness too", told.records),
    ):  # fmt: skip
        scores = scoring.b_cubed(records), scoring.pairwise(records)
        shares = (f"{share:.3f}" for it in scores for share in (it.f1, it.precision, it.recall))
        table.add_row(name, f"{len(records):,}", *shares)
    return table


def _misses(told: Figures) -> Table:
    found = scoring.misses(told.linkable, beyond=truth.PROBABILISTIC)
    wrong, profiles = scoring.wrong_pairs(told.linkable)
    table = _table(
        "What is still apart", "why exact links do not reach it", "records", "people", "true pairs apart",
        caption=f"put together wrongly: {wrong:,} pairs in {profiles:,} profiles ({_doubtful(told.linkable)})",
    )  # fmt: skip
    words = scoring.reasons()
    for miss in found:
        table.add_row(words.get(miss.tag, miss.tag), f"{miss.records:,}", f"{miss.people:,}", f"{miss.pairs:,}")
    table.add_section()
    table.add_row("in all", "", "", f"{sum(miss.pairs for miss in found):,}")
    return table


def _doubtful(records: Sequence[Resolved]) -> str:
    people = {one.person for one in records}
    return f"{len({one.profile for one in records}):,} profiles for {len(people):,} people"


def _times(seconds: Mapping[str, float], rate: float) -> Table:
    caption = f"{rate:,.0f} events/s from the first file until every membership stood"
    table = _table("Time", "stage", "seconds", caption=caption)
    for name, length in seconds.items():
        if name == "In all":
            table.add_section()
        table.add_row(name, f"{length:.1f}")
    return table


def show_doors(console: Console, url: str, made: World, told: Figures, *, serving: bool) -> None:
    """Where to go on: pages, passwords, a call to copy."""
    if not serving:
        console.print(f"{mark(told.confirmed)} done. The data stay: `manage.py up` serves them again.")
        return
    table = _table(f"Sign in at {url}/admin/", "user", "password", "sees")
    table.columns[1].justify = table.columns[2].justify = "left"
    table.columns[2].no_wrap = False
    for name, password in made.passwords.items():
        table.add_row(name, password, ROLES[name].description)
    console.print(table)
    console.print(
        f"""
Look at   {url}/admin/                             figures that move
          {url}/admin/segments/segment/            the ten segments (marketer)
          {url}/admin/identity/profile/            people and why they are one (steward)
          {url}/admin/consent/ledgerentry/         who has agreed to what (compliance)
          {url}/admin/audit/entry/                 who has read or changed what (compliance)
          {url}/api/docs/                          REST
"""
        f"""
curl -s -H 'Authorization: Bearer {made.token}' -H 'Content-Type: application/json' \\
     -d '{{"kind": "email", "value": "{told.example}"}}' {url}/api/v1/profiles/lookup/

Ctrl-C ends everything. The data stay: `manage.py up` serves them again.""",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
