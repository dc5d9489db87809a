"""The books: what was on them for each arrival week, as it stood week by week before it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.demand.arrivals.reading import NEVER, Bookings, Days

Floats = NDArray[np.float64]
WEEK = 7


@dataclass(frozen=True)
class Books:
    """net (hotels, weeks, leads + 1): bookings net of cancellations for an arrival week, `lead` weeks before its end.

    Weeks are counted back from the as-of date, so that week `complete` is the seven days after it; lead 0 is what
    became of the week. Not a number where that evening lies after the as-of date.
    """

    first_day: int
    complete: int
    net: Floats

    @property
    def leads(self) -> int:
        return self.net.shape[2] - 1


def books_at(bookings: Bookings, as_of: int, weeks_ahead: int) -> Books:
    """The books as known in the evening of `as_of`, for all whole weeks before it and `weeks_ahead` after it."""
    known = bookings.known_at(as_of)
    complete = (as_of + 1 - int(known.arrival.min(initial=as_of + 1))) // WEEK
    first_day = as_of + 1 - WEEK * complete
    weeks = complete + weeks_ahead
    made = _made_by(known, known.booked, first_day, weeks, weeks_ahead)
    net = made - _made_by(known, known.cancelled, first_day, weeks, weeks_ahead)
    week, lead = np.arange(weeks)[:, None], np.arange(weeks_ahead + 1)[None]
    net[:, week - lead + 1 > complete] = np.nan
    return Books(first_day, complete, net)


def became(bookings: Bookings, books: Books) -> Floats:
    """(hotels, weeks): what became of each week by all that the file knows; not a number where it ends before."""
    weeks = books.net.shape[1]
    lasting = np.flatnonzero(bookings.cancelled == NEVER)
    week = (bookings.arrival[lasting] - books.first_day) // WEEK
    counted = (week >= 0) & (week < weeks)
    final = np.zeros((len(bookings.hotels), weeks))
    np.add.at(final, (bookings.hotel[lasting][counted], week[counted]), 1)
    last_days = books.first_day + WEEK * np.arange(weeks) + WEEK - 1
    final[:, last_days > bookings.last_day] = np.nan
    return final


def _made_by(known: Bookings, when: Days, first_day: int, weeks: int, most_lead: int) -> Floats:
    """(hotels, weeks, leads + 1): how many of the events `when` had happened by each lead's evening."""
    week = (known.arrival - first_day) // WEEK
    counted = (week >= 0) & (week < weeks) & (when <= known.arrival)
    eve = first_day + WEEK * week - 1
    lead = np.clip((eve - when) // WEEK + 1, 0, most_lead)
    events = np.zeros((len(known.hotels), weeks, most_lead + 1))
    np.add.at(events, (known.hotel[counted], week[counted], lead[counted]), 1)
    return events[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
