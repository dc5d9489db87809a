"""Reads a file of bookings: who booked when, for which arrival, and when a cancellation became known.

Column by column in NumPy. A file that is not what it should be is refused with the line, the column and what would be
right. Only what is known when a booking is made, and the date of its cancellation, is read: other columns of such files
(rate, nights, deposit, changes) hold what became of the booking, and would let the future in.
"""

import csv
import gzip
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TextIO, cast

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int64]
COLUMNS = ("hotel", "booked", "arrival", "cancelled", "status_date")
NEVER = int(np.iinfo(np.int64).max // 4)
EPOCH = date(1970, 1, 1)


class BadBookings(Exception):
    """The file cannot be read as bookings: says where, what is wrong, and what would be right."""


@dataclass(frozen=True)
class Bookings:
    """n bookings. hotel (n,): row in `hotels`. booked, arrival, cancelled (n,): days since 1970-01-01.

    `cancelled` is NEVER where no cancellation (or no-show) is known.
    """

    hotels: tuple[str, ...]
    hotel: NDArray[np.int64]
    booked: Days
    arrival: Days
    cancelled: Days

    def __len__(self) -> int:
        return len(self.booked)

    def known_at(self, day: int) -> "Bookings":
        """What could be known in the evening of that day: later bookings are gone, later cancellations not yet made."""
        seen = self.booked <= day
        cut = replace(self, hotel=self.hotel[seen], booked=self.booked[seen], arrival=self.arrival[seen])
        cancelled = self.cancelled[seen]
        return replace(cut, cancelled=np.where(cancelled <= day, cancelled, NEVER))

    @property
    def last_day(self) -> int:
        """The last day of which the file can tell everything: that of its last booking, if arrivals reach so far."""
        return int(min(self.booked.max(), self.arrival.max()))


def day_number(day: date) -> int:
    return (day - EPOCH).days


def read_bookings(path: Path) -> Bookings:
    """Reads a CSV file, plain or gzip. Raises BadBookings."""
    columns = _columns(path)
    hotels, hotel = np.unique(columns["hotel"], return_inverse=True)
    booked, arrival = _dates(path, columns, "booked"), _dates(path, columns, "arrival")
    _refuse(path, booked > arrival, "booked", columns["booked"], "a day on or before the arrival")
    return Bookings(tuple(hotels.tolist()), hotel.astype(np.int64), booked, arrival, _cancelled(path, columns, booked))


def _columns(path: Path) -> dict[str, NDArray[np.str_]]:
    rows = _rows(path)
    header = rows[0] if rows else []
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        found = ", ".join(header) or "none"
        raise BadBookings(
            f"{path}, line 1: no column {', '.join(missing)}. Columns found: {found}. Needed: {', '.join(COLUMNS)}."
        )
    if len(rows) == 1:
        raise BadBookings(f"{path}: there is no booking below the header. One line a booking is needed.")
    if set(map(len, rows)) != {len(header)}:
        line, row = next((line, row) for line, row in enumerate(rows, start=1) if len(row) != len(header))
        raise BadBookings(f"{path}, line {line}: {len(row)} fields where the header has {len(header)}.")
    by_column = dict(zip(header, zip(*rows[1:], strict=True), strict=True))
    return {name: np.array(by_column[name]) for name in COLUMNS}


def _rows(path: Path) -> list[list[str]]:
    try:
        with _opened(path) as lines:
            rows = list(csv.reader(lines, strict=True))
    except OSError as failure:
        raise BadBookings(f"{path}: cannot be read ({failure}). Name a CSV file, plain or gzip.") from failure
    except (UnicodeDecodeError, csv.Error, EOFError) as failure:
        raise BadBookings(f"{path}: is not a whole CSV file in UTF-8 ({failure}).") from failure
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _opened(path: Path) -> TextIO:
    with path.open("rb") as start:
        is_gzip = start.read(2) == b"\x1f\x8b"
    opening = gzip.open if is_gzip else open
    return cast(TextIO, opening(path, "rt", newline="", encoding="utf-8"))


def _dates(path: Path, columns: dict[str, NDArray[np.str_]], name: str) -> Days:
    texts = columns[name]
    try:
        if np.all(np.char.str_len(texts) == len("2016-08-31")):
            return texts.astype("datetime64[D]").astype(np.int64)
    except ValueError:
        pass
    wrong = np.array([not _is_date(text) for text in texts.tolist()])
    _refuse(path, wrong, name, texts, "a date such as 2016-08-31")
    raise AssertionError("a date that only NumPy refuses")


def _is_date(text: str) -> bool:
    try:
        return len(text) == len("2016-08-31") and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _cancelled(path: Path, columns: dict[str, NDArray[np.str_]], booked: Days) -> Days:
    """The day on which a cancellation or no-show became known, not before the booking itself; else NEVER."""
    flags = columns["cancelled"]
    _refuse(path, ~np.isin(flags, ("0", "1", "")), "cancelled", flags, "1, 0, or nothing where it is not yet known")
    gone = flags == "1"
    _refuse(
        path,
        gone & (columns["status_date"] == ""),
        "status_date",
        columns["status_date"],
        "the date of the cancellation",
    )
    days = np.full(len(booked), NEVER)
    texts = {"status_date": np.where(gone, columns["status_date"], "1970-01-01")}
    days[gone] = np.maximum(_dates(path, texts, "status_date"), booked)[gone]
    return days


def _refuse(path: Path, wrong: NDArray[np.bool_], name: str, texts: NDArray[np.str_], right: str) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        more = f" ({int(wrong.sum()):,} lines have this fault)" if wrong.sum() > 1 else ""
        raise BadBookings(
            f"{path}, line {first + 2}, column {name}: {str(texts[first])!r}; it should be {right}{more}."
        )
