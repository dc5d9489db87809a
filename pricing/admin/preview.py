"""What a draft would do, before it is published: to the forward curve, and to the quotes of the last 30 days."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.units.firmness import FIRM, FIRMNESS, rank
from marketplace.web import formats
from marketplace.web.charts.forward import Series, forward_curves
from pricing.curve.effect import YEAR, PoolEffect, effect, governed, rises
from pricing.curve.models import PricePolicy
from pricing.curve.policies import notice
from pricing.quotes.repricing import reprice

WEEK = 7
DRAWN = 6  # pools, those that move most
SHOWN_RISES = 5


def preview_of(draft: PricePolicy, *, now: datetime) -> dict[str, Any]:
    """Everything that the preview page shows. Reads only."""
    pools = sorted(effect(draft, now=now), key=_size, reverse=True)
    found = list(rises(draft, now=now))
    return {
        "rows": [_row(each) for each in pools],
        "classes": [name.capitalize() for name in FIRMNESS],
        "moves": any(each.largest for each in pools),
        "rises": found[:SHOWN_RISES],
        "more_rises": max(len(found) - SHOWN_RISES, 0),
        "earliest": now + notice(draft),
        "quotes": reprice(draft, now=now),
        "sellers": len(governed(draft)),
        **_chart(pools[:DRAWN]),
    }


def _size(each: PoolEffect) -> float:
    return abs(each.largest[3] / each.largest[2] - 1) if each.largest else 0.0


def _row(each: PoolEffect) -> dict[str, Any]:
    """Mean prices of a year by class, and the day that moves most."""
    means = [each.mean(firmness) for firmness in FIRMNESS]
    shown = [{"was": mean[0], "now": mean[1], "change": mean[1] / mean[0] - 1} if mean else None for mean in means]
    return {
        "pool": each.row.pool,
        "means": shown,
        "largest": each.largest,
        "change": each.largest[3] / each.largest[2] - 1 if each.largest else 0.0,
    }


def _chart(pools: Sequence[PoolEffect]) -> dict[str, Any]:
    """Firm forward prices by week of the pools that move most: today dotted, with the draft drawn through."""
    series = [
        Series(
            f"{each.row.pool.site.name} {formats.accelerator(each.row.pool.accelerator.key)}",
            each.row.pool.accelerator.key,
            _weeks(each),
            _weekly(each.after[rank(FIRM)]),
            yesterday=_weekly(each.before[rank(FIRM)]),
        )
        for each in pools
        if not np.isnan(each.after[rank(FIRM), :YEAR]).all()
    ]
    if not series:
        return {}
    return {"chart": forward_curves(series, title="Firm forward price: dotted as it is, drawn through with the draft")}


def _weeks(each: PoolEffect) -> list[date]:
    count = min(YEAR, each.after.shape[1]) // WEEK
    return [each.first_day + timedelta(days=WEEK * week) for week in range(count)]


def _weekly(prices: NDArray[np.float64]) -> list[float | None]:
    """The first day's price of each week."""
    count = min(YEAR, len(prices)) // WEEK
    return [None if np.isnan(price) else float(price) for price in prices[: count * WEEK : WEEK]]
