"""The cockpit's pages for the top floor. Django looks for a module named `admin`, so this one gathers the pages."""

from reservations.admin import (
    allocation,
    assignments,
    calendars,
    continuity,
    ledger,
    money,
    plans,
    previews,
    reservations,
    shortfalls,
    waitlist,
)

__all__ = [
    "allocation",
    "assignments",
    "calendars",
    "continuity",
    "ledger",
    "money",
    "plans",
    "previews",
    "reservations",
    "shortfalls",
    "waitlist",
]
