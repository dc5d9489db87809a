"""The public tape by delivery week: what the board's charts have in common."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby

import numpy as np

from marketplace.catalogue.models import Accelerator
from marketplace.units.firmness import rank
from pricing.curve.board import Board, Prices, Row

WEEK = 7
YEAR = 365


def weeks_of(row: Row, weeks: int) -> list[date]:
    return [row.first_day + timedelta(days=WEEK * week) for week in range(weeks)]


def weekly(values: Prices, weeks: int) -> list[float | None]:
    """Every seventh day, None where there is no number."""
    return [None if np.isnan(value) else float(value) for value in values[: weeks * WEEK : WEEK]]


def by_accelerator(found: Board) -> list[tuple[Accelerator, list[Row]]]:
    """The rows of each accelerator, the most powerful first."""
    rows = sorted(found.rows, key=lambda row: (-row.h100_weight, row.pool.accelerator.key))
    return [(accelerator, list(group)) for accelerator, group in groupby(rows, key=lambda r: r.pool.accelerator)]


def has_price(row: Row, firmness: str) -> bool:
    return bool((row.limits[rank(firmness)][:YEAR] > 0).any())


def per_h100(rows: Sequence[Row], firmness: str) -> Prices:
    """The lowest price per H100-equivalent hour over several pools, not a number where none has anything."""
    prices = np.stack([row.price(firmness) / row.h100_weight for row in rows])
    return np.where(np.isnan(prices).all(axis=0), np.nan, np.fmin.reduce(prices, axis=0))
