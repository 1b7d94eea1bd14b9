from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pandas as pd
import pytest

from cdp.demo import grocer

ANCHOR = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def test_the_full_set_is_the_published_one() -> None:
    data = grocer.load(None)
    assert len(data.households) == data.baskets["household_id"].nunique() == 2469
    assert len(data.baskets) == data.baskets["basket_id"].nunique() == 155_848
    assert data.baskets["line_count"].sum() == 1_469_307
    assert len(data.demographics) == 801
    assert len(data.redemptions) == 2102
    assert data.baskets["revenue"].sum() == pytest.approx(4_596_039.58, abs=0.05)


def test_a_selection_keeps_the_mix_and_is_part_of_every_larger_one() -> None:
    small, large = grocer.load(50), grocer.load(200)
    assert large.households[:50] == small.households
    assert len(large.demographics) == pytest.approx(200 * 801 / 2469, abs=2)
    assert large.redemptions["household_id"].nunique() == pytest.approx(200 * 410 / 2469, abs=2)


def test_lines_add_up_to_their_basket() -> None:
    baskets = grocer.load(20).baskets
    for basket in cast("Any", baskets.sample(25, random_state=1)).itertuples():
        assert len(basket.lines) == basket.line_count
        assert sum(line["sales_value"] for line in basket.lines) == pytest.approx(basket.revenue, abs=0.005)
        produce = sum(line["sales_value"] for line in basket.lines if line["department"] == "PRODUCE")
        assert produce == pytest.approx(basket.produce_value, abs=0.005)


def test_fuel_is_not_counted_as_articles() -> None:
    baskets = grocer.load(200).baskets
    fuel = baskets[(baskets["fuel_value"] > 0) & (baskets["line_count"] == 1)]
    assert len(fuel) > 0
    assert (fuel["total_quantity"] == 0).all()
    assert baskets["total_quantity"].max() < 300


def test_the_year_moves_by_whole_weeks_to_end_before_the_anchor() -> None:
    data = grocer.load(20)
    moved = data.shifted(ANCHOR)
    by = (moved.baskets["occurred_at"] - data.baskets["occurred_at"]).unique()
    assert len(by) == 1
    assert pd.Timedelta(by[0]) % timedelta(weeks=1) == timedelta(0)
    assert timedelta(0) <= ANCHOR - moved.end < timedelta(weeks=1)
    assert (moved.baskets["occurred_at"] <= moved.end).all()


@pytest.mark.parametrize("households", [0, -1, 2470])
def test_more_households_than_there_are(households: int) -> None:
    with pytest.raises(ValueError, match="2469 households"):
        grocer.load(households)
