"""The point of sale: the grocer's baskets as they are, one row each, keyed by the card that was shown (or not)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cdp.demo.grocer import Grocer, rows
from cdp.demo.plans import Plan
from cdp.demo.truth import Entry

PARTS = 4  # Files by time: a run each, so that progress and resumption have something to show.
FORGOTTEN = 0.015  # of card holders' baskets
E_RECEIPTS = 0.6  # of those; and 0.88 of the baskets of people without a card


def write(folder: Path, plans: Mapping[int, Plan], grocer: Grocer, *, seed: int) -> tuple[list[Path], int, list[Entry]]:
    """Writes pos/part-N.parquet; the paths, the number of baskets, and the truth of each till key.

    Columns: basket_id, shopper_key (never null: card, else e-receipt account, else receipt), card_number, receipt_key
    (only without a card), e_receipt_to (e-mail), store_id, occurred_at (UTC), currency, the amounts of
    `Grocer.baskets`, lines.
    """
    frame = _keyed(plans, grocer, np.random.default_rng([seed, 7]))
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame.drop(columns="household_id"), preserve_index=False)
    edges = np.linspace(0, len(frame), PARTS + 1).astype(int)
    paths = [folder / f"part-{number}.parquet" for number in range(1, PARTS + 1)]
    for path, start, end in zip(paths, edges[:-1], edges[1:], strict=True):
        pq.write_table(table.slice(int(start), int(end - start)), path, row_group_size=5000, compression="zstd")
    return paths, len(frame), _entries(frame, plans)


def _keyed(plans: Mapping[int, Plan], grocer: Grocer, random: np.random.Generator) -> pd.DataFrame:
    frame = grocer.baskets
    household = frame["household_id"]
    card = household.map({one: plan.card for one, plan in plans.items()})
    old = household.map({one: plan.old_card for one, plan in plans.items()})
    replaced = pd.to_datetime(household.map({one: plan.replaced_at for one, plan in plans.items()}), utc=True)
    card = card.where(~(frame["occurred_at"] < replaced), old)
    without = card == ""
    card = card.mask(random.random(len(frame)) < FORGOTTEN, "")
    mailed = (card == "") & (random.random(len(frame)) < np.where(without, 0.88, E_RECEIPTS))
    mailbox = household.map({one: plan.person.email for one, plan in plans.items()})
    basket = frame["basket_id"].astype(str)
    account = "ER-" + household.map({one: f"{n:06d}" for n, one in enumerate(sorted(plans), start=1)})
    receipt = account.where(mailed, "R-" + basket).where(card == "", None)
    keys = {
        "household_id": household,
        "basket_id": basket,
        "shopper_key": card.where(card != "", receipt),
        "card_number": card.where(card != "", None),
        "receipt_key": receipt,
        "e_receipt_to": mailbox.where(mailed, None),
        "store_id": frame["store_id"].astype(str),
        "occurred_at": frame["occurred_at"],
        "currency": "USD",
    }
    kept = [name for name in frame.columns if name not in keys]
    return pd.DataFrame({**keys, **{name: frame[name] for name in kept}})


def _entries(frame: pd.DataFrame, plans: Mapping[int, Plan]) -> list[Entry]:
    seen = frame.drop_duplicates("shopper_key")[["shopper_key", "household_id", "card_number", "e_receipt_to"]]
    entries = []
    for row in rows(seen):
        person = plans[int(row["household_id"])].person
        identifiers = {("loyalty_card", str(row["card_number"]))} if row["card_number"] else set()
        identifiers |= {("email", str(row["e_receipt_to"]))} if row["e_receipt_to"] else set()
        entries.append(
            Entry("pos", str(row["shopper_key"]), person.person_id, person.household_id, "", frozenset(identifiers))
        )
    return entries
