from datetime import timedelta
from typing import Any

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from marketplace.units.firmness import CHOICES, FIRM, FIRMNESS, rank
from pricing.curve.board import P90, Board, Row, causes_between, current_board
from pricing.web.prices_ahead import forward, regions
from pricing.web.supply import heat, supply
from pricing.web.weeks import WEEK, YEAR, by_accelerator, has_price, weeks_of

HEAT_WEEKS = 26
HALF_YEAR = 26 * WEEK
RANGES = {"12": (52, "1 year"), "24": (104, "2 years"), "60": (260, "5 years")}
MOVERS_SHOWN = 5
SMALLEST_MOVE = 0.001
CAUSE_WORDS = {"supply": "supply", "policy": "rules", "use": "demand"}


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """The public market: forward prices, supply with the projects behind it, and where it is tight."""
    firmness, chosen = _chosen(request)
    found = current_board()
    context: dict[str, Any] = {
        "nav": "market",
        "board": found,
        "firmness": firmness,
        "classes": CHOICES,
        "ranges": [(key, name) for key, (_, name) in RANGES.items()],
        "range": chosen,
    }
    if found and found.rows and found.rows[0].days >= WEEK:
        context |= _figures(found, firmness, min(RANGES[chosen][0], found.rows[0].days // WEEK))
    return render(request, "pricing/market.html", context)


def _chosen(request: HttpRequest) -> tuple[str, str]:
    firmness, chosen = request.GET.get("firmness", FIRM), request.GET.get("range", "12")
    return firmness if firmness in FIRMNESS else FIRM, chosen if chosen in RANGES else "12"


def _figures(found: Board, firmness: str, weeks: int) -> dict[str, Any]:
    return {
        "is_open": True,
        **_stats(found, firmness),
        **forward(found, firmness, weeks),
        **regions(found, firmness, weeks),
        **supply(found, weeks),
        **heat(found, firmness, min(weeks, HEAT_WEEKS)),
        "movers": _movers(found, firmness),
        "lowest": _lowest(found, firmness),
        "versions": sorted({row.version.public_id for row in found.rows}),
        "projection": found.rows[0].version.projection,
    }


def _stats(found: Board, firmness: str) -> dict[str, Any]:
    """The four numbers that the page is judged by."""
    first = found.rows[0].first_day
    short = [row for row in found.rows if (row.taken(firmness) > row.limits[rank(firmness)]).any()]
    return {
        "best": _most_compute_per_dollar(found, firmness),
        "headroom_soon": _h100(found, firmness, WEEK),
        "supply_soon": sum(row.supply[P90, WEEK] * row.h100_weight for row in found.rows if row.days > WEEK),
        "headroom_half": _h100(found, firmness, HALF_YEAR),
        "half": first + timedelta(days=HALF_YEAR),
        "short": short,
    }


def _most_compute_per_dollar(found: Board, firmness: str) -> dict[str, Any] | None:
    prices = [(row, _lowest_day(row, firmness)[1]) for row in found.rows if has_price(row, firmness)]
    best = min(prices, key=lambda pair: pair[1] / pair[0].h100_weight, default=None)
    return {"pool": best[0].pool, "price": best[1], "per_h100": best[1] / best[0].h100_weight} if best else None


def _lowest_day(row: Row, firmness: str) -> tuple[int, float]:
    """The cheapest day of the next year and its price per GPU-hour."""
    prices = row.price(firmness)[:YEAR]
    day = int(np.nanargmin(prices))
    return day, float(prices[day])


def _h100(found: Board, firmness: str, day: int) -> float:
    return float(sum(row.headroom[rank(firmness), day] * row.h100_weight for row in found.rows if row.days > day))


def _lowest(found: Board, firmness: str) -> list[dict[str, Any]]:
    """Where and when each accelerator is cheapest in the next year."""
    rows = []
    for accelerator, pools in by_accelerator(found):
        priced = [(row, *_lowest_day(row, firmness)) for row in pools if has_price(row, firmness)]
        if priced:
            row, day, price = min(priced, key=lambda one: one[2])
            week = weeks_of(row, day // WEEK + 1)[-1]
            rows.append({"accelerator": accelerator, "site": row.pool.site, "week": week, "price": price})
    return rows


def _movers(found: Board, firmness: str) -> list[dict[str, Any]]:
    """The largest changes of a pool's mean price over a year since the day before, with the reason on record."""
    if found.before is None:
        return []
    pairs = [(row, found.before.row(row.pool.pk)) for row in found.rows]
    moves = [_move(row, old, firmness) for row, old in pairs if old and _both_priced(row, old, firmness)]
    large = [move for move in moves if abs(move["change"]) >= SMALLEST_MOVE]
    shown = sorted(large, key=lambda move: -abs(move["change"]))[:MOVERS_SHOWN]
    return [{**move, "reason": _reason(move, firmness)} for move in shown]


def _both_priced(row: Row, old: Row, firmness: str) -> bool:
    return has_price(row, firmness) and has_price(old, firmness)


def _move(row: Row, old: Row, firmness: str) -> dict[str, Any]:
    was, now = (float(np.nanmean(each.price(firmness)[:YEAR])) for each in (old, row))
    return {"pool": row.pool, "was": was, "now": now, "change": now / was - 1, "row": row, "old": old}


def _reason(move: dict[str, Any], firmness: str) -> str:
    """The largest cause: one that a solve stored, or, for what those leave, sales and days that passed."""
    causes = causes_between(move["row"], move["old"], firmness)
    stored = sum(change for change, _ in causes.values())
    causes["use"] = move["change"] - stored, "sold and held in total"
    cause, (_, reason) = max(causes.items(), key=lambda pair: abs(pair[1][0]))
    return f"{CAUSE_WORDS[cause]}: {reason}" if cause in CAUSE_WORDS else reason
