"""The forecast: four forecasters, weighted at each lead by how well each did at earlier origins of the same books.

weight = (expected error)^-5, the expected error being that of earlier origins in units of the hotel's own week-to-week
change, drawn towards a stated prior. The priors and constants were chosen on as-of dates from 2015-12 to 2016-07 of the
hotel bookings of Antonio, de Almeida and Nunes (2019), as a group and not on one date.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.demand.arrivals import forecasters
from pricing.demand.arrivals.books import Books
from pricing.demand.arrivals.forecasters import Floats, Origin

FEWEST_WEEKS = 12  # complete, before anything is forecast
FIRST_ORIGIN = 6
POWER = 5.0
PRIOR_WORTH = 20.0  # the prior counts like so many earlier errors
MEMORY = 0.95  # weight of a week's errors beside those of the next one
NEARBY = 0.35  # leads learn from each other: width of the kernel in log lead
ALIKE = 0.5  # the same, for how unlike last year's books are
WORST = 4.0  # one wild week says no more than this
MOST_UNLIKE = 1.5


@dataclass(frozen=True)
class Forecast:
    """(hotels, leads) each, column k - 1 for the week at lead k; scale (hotels,): mean change from week to week."""

    expected: Floats
    as_last_year: Floats
    pick_up: Floats
    scale: Floats


def forecast(books: Books) -> Forecast:
    """What becomes of the weeks after the as-of date. `books` must have FEWEST_WEEKS complete weeks."""
    now = Origin(books.net, books.complete)
    scale = np.abs(np.diff(books.net[:, : books.complete, 0], axis=1)).mean(axis=1)
    scale = np.maximum(scale, 1e-9)
    each, became = _all_origins(books)
    expected = _blend(each, _expected_errors(now, each, became, scale))
    return Forecast(expected, forecasters.as_last_year(now), forecasters.pick_up(now), scale)


def _all_origins(books: Books) -> tuple[Floats, Floats]:
    """(forecasters, origins, hotels, leads), the last origin being now; and what became, where that is known now."""
    origins = [Origin(books.net, week) for week in range(FIRST_ORIGIN, books.complete + 1)]
    final = np.where(np.arange(books.net.shape[1]) < books.complete, books.net[:, :, 0], np.nan)
    became = np.stack([final[:, at.targets] for at in origins])
    paces = np.stack([forecasters.pace(at) for at in origins])
    drawn = np.stack([_drawn(paces, became, place) for place in range(len(origins))])
    rest = (forecasters.by_books, forecasters.season, forecasters.last_years_season)
    books_, season, last = (np.stack([of(at) for at in origins]) for of in rest)
    return np.stack([books_, drawn, season, last]), became


def _drawn(paces: Floats, became: Floats, place: int) -> Floats:
    """The pace at one origin on the line through its past, of which only what had arrived by then is used."""
    origin, lead = np.arange(place)[:, None], np.arange(1, paces.shape[2] + 1)[None]
    arrived = (origin + lead - 1 < place)[:, None, :]
    return forecasters.corrected(paces[place], paces[:place], np.where(arrived, became[:place], np.nan))


def _expected_errors(now: Origin, each: Floats, became: Floats, scale: Floats) -> Floats:
    """(forecasters, hotels, leads), in scales: earlier errors, the recent ones weighing more, drawn to the prior."""
    errors = np.minimum(np.abs(each - became) / scale[:, None], WORST)
    known = np.isfinite(errors)
    origins, leads = errors.shape[1], errors.shape[3]
    age = (origins - 2) - (np.arange(origins)[:, None] + np.arange(leads)[None])
    weights = known * (MEMORY ** np.clip(age, 0, None))[None, :, None, :]
    near = _kernel(leads, NEARBY)
    total = (np.where(known, errors, 0.0) * weights).sum(axis=1) @ near
    count = weights.sum(axis=1) @ near
    return (total + PRIOR_WORTH * _prior(now, scale)) / (count + PRIOR_WORTH)


def _prior(now: Origin, scale: Floats) -> Floats:
    """What each forecaster is expected to miss by before it has been tried, in scales, (forecasters, hotels, leads).

    Last year is expected to hold as far as this year's books look like last year's at the same lead.
    """
    unlike = _unlike(now, scale)
    lead = np.broadcast_to(now.leads.astype(np.float64), unlike.shape)
    slow = np.minimum(lead - 1, 13)
    return np.stack(
        [
            0.6 + 0.04 * slow,
            0.35 + 0.2 * lead,
            0.35 + 0.04 * slow + 0.6 * unlike,
            0.35 + 0.8 * unlike,
        ]
    )


def _unlike(now: Origin, scale: Floats) -> Floats:
    """How far this year's books are from last year's at the same lead, as a share of them, in scales."""
    then, books = forecasters.seasonal(now, None), now.on_the_books()
    known = np.isfinite(then)
    near = _kernel(then.shape[1], ALIKE)
    apart = np.where(known, np.abs(books - then), 0.0) @ near
    size = np.where(known, (books + then) / 2, 0.0) @ near
    usual = now.net[:, : now.week, 0].mean(axis=1) / scale
    return np.minimum(apart / np.maximum(size, 3.0) * usual[:, None], MOST_UNLIKE)


def _kernel(leads: int, width: float) -> NDArray[np.float64]:
    log_lead = np.log(np.arange(1, leads + 1))
    return np.exp(-0.5 * ((log_lead[:, None] - log_lead[None]) / width) ** 2)


def _blend(each: Floats, errors: Floats) -> Floats:
    """The weighted mean at the last origin; a forecaster without an answer has no weight."""
    latest = each[:, -1]
    weights = np.where(np.isfinite(latest), np.maximum(errors, 0.05) ** -POWER, 0.0)
    return np.maximum((np.where(np.isfinite(latest), latest, 0.0) * weights).sum(axis=0) / weights.sum(axis=0), 0.0)
