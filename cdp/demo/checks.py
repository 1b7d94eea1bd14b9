"""The ten segments a second time: from the input files, by pandas, without the rule language and its two executors.

Who a row is about is taken from identity resolution, for a segment is of people: `Whereabouts` finds the profile of a
row's key. All else (what counts, what falls into a window, which trait survives, who has agreed) is computed here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cdp.demo.files import Manifest
from cdp.demo.segments import BABY
from cdp.demo.whereabouts import Whereabouts

People = set[Any]
_AMOUNTS = ["revenue", "coupon_discount"]


class Input:
    """The input as frames with a column `profile`: orders, views, coupons, campaigns, and cards with their traits."""

    def __init__(self, manifest: Manifest, where: Whereabouts) -> None:
        web = pd.DataFrame(_tracks(manifest.files["web"][0]))
        keys = web["user_id"].where(web["user_id"].notna(), web["anonymous_id"])
        web["profile"] = where.profiles("web", keys)
        web["at"] = pd.to_datetime(web["timestamp"], utc=True, format="ISO8601")
        till = _till(manifest.files["pos"])
        till["profile"] = where.profiles("pos", till["shopper_key"])
        online = pd.json_normalize(web.loc[web["event"] == "Order Completed", "properties"].tolist())
        online[["profile", "at"]] = web.loc[web["event"] == "Order Completed", ["profile", "at"]].to_numpy()
        online["baby"] = [any(line["category"] in BABY for line in lines) for lines in online["products"]]
        columns = ["profile", "at", "store_id", "revenue", "coupon_discount", "baby"]
        self.orders = pd.concat([till[columns], online.reindex(columns=columns)], ignore_index=True)
        self.orders["at"] = pd.to_datetime(self.orders["at"], utc=True)
        self.orders[_AMOUNTS] = self.orders[_AMOUNTS].astype(float)
        self.orders["baby"] = self.orders["baby"].astype(bool)
        self.views = web[web["event"] == "Product Viewed"]
        self.coupons = web[web["event"] == "Coupon Redeemed"]
        self.campaigns = _lines(manifest.files["mailings"][0])
        self.campaigns["profile"] = where.profiles("loyalty", self.campaigns["card_number"])
        self.campaigns["at"] = pd.to_datetime(self.campaigns["sent_at"], utc=True)
        self.cards = _lines(manifest.files["loyalty"][0])
        self.cards["profile"] = where.profiles("loyalty", self.cards["card_number"])

    def trait(self, name: str) -> pd.Series[Any]:
        """Profile -> the trait of its youngest card that says it (only the loyalty programme does); of two enrolled at the
        same second the greater."""
        said = self.cards.dropna(subset=[name]).sort_values(["enrolled_at", name])
        return said.groupby("profile")[name].last()


def _lines(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])


def _tracks(path: Path) -> list[dict[str, Any]]:
    calls = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    wanted = ("user_id", "anonymous_id", "event", "timestamp", "properties")
    return [{name: call.get(name) for name in wanted} for call in calls if call["call"] == "track"]


def _till(paths: list[Path]) -> pd.DataFrame:
    tables = [pq.read_table(path).replace_schema_metadata(None) for path in paths]
    table = pa.concat_tables(tables).combine_chunks()
    lines = table.column("lines").combine_chunks()
    is_baby = pc.is_in(lines.flatten().field("category"), value_set=pa.array(BABY))
    baskets = set(pc.list_parent_indices(lines).filter(is_baby).to_pylist())
    frame = cast(pd.DataFrame, table.drop_columns(["lines"]).to_pandas())
    frame["baby"] = [number in baskets for number in range(len(frame))]
    return frame.rename(columns={"occurred_at": "at"})


def _within(frame: pd.DataFrame, at: datetime, days: int) -> pd.DataFrame:
    return frame[(frame["at"] > pd.Timestamp(at) - pd.Timedelta(days=days)) & (frame["at"] <= pd.Timestamp(at))]


def _at_least(frame: pd.DataFrame, n: int) -> People:
    counts = frame.groupby("profile").size()
    return set(counts[counts >= n].index)


def weekly_shoppers(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    """See the segment of the same name in `segments.py`; so for the others below."""
    return _at_least(_within(data.orders, at, 90), 12)


def big_spenders(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    # In cents: sums of binary fractions depend on the order of the summands.
    cents = (_within(data.orders, at, 180).set_index("profile")["revenue"] * 100).round().astype("int64")
    spent = cents.groupby(level=0).sum()
    return set(spent[spent >= 100_000].index)


def slipping_away(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    last = data.orders.groupby("profile")["at"].max()
    return _at_least(data.orders, 10) & set(last[last < pd.Timestamp(at) - pd.Timedelta(days=30)].index)


def newcomers(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    first = data.orders.groupby("profile")["at"].min()
    return set(first[first > pd.Timestamp(at) - pd.Timedelta(days=120)].index)


def young_families(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    kids = data.trait("kids_count")
    return _at_least(_within(data.orders[data.orders["baby"]], at, 180), 2) - set(kids[kids == "0"].index)


def window_shoppers(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    ordered = data.orders[data.orders["store_id"] == "web"]
    return set(_within(data.views, at, 180)["profile"]) - set(ordered["profile"])


def coupon_hunters(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    used = data.orders[data.orders["coupon_discount"] > 0]
    return _at_least(data.coupons, 3) | _at_least(_within(used, at, 365), 8)


def unmoved_by_mail(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    return _at_least(data.campaigns, 4) - set(data.coupons["profile"])


def valuable_but_rare(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    tier = data.trait("tier")
    mean = _within(data.orders, at, 180).groupby("profile")["revenue"].mean()
    valued = set(tier[tier.isin(["gold", "silver"])].index) & set(mean[mean >= 60].index)
    return valued - weekly_shoppers(data, at, agreed)


def text_me(data: Input, at: datetime, agreed: dict[str, People]) -> People:
    return agreed["marketing_sms"] & set(_within(data.orders, at, 14)["profile"])


CHECKS: dict[str, Callable[[Input, datetime, dict[str, People]], People]] = {
    "weekly-shoppers": weekly_shoppers,
    "big-spenders": big_spenders,
    "slipping-away": slipping_away,
    "newcomers": newcomers,
    "young-families": young_families,
    "window-shoppers": window_shoppers,
    "coupon-hunters": coupon_hunters,
    "unmoved-by-mail": unmoved_by_mail,
    "valuable-but-rare": valuable_but_rare,
    "text-me": text_me,
}
