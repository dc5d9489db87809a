"""The cockpit's pages for the top floor. Django looks for a module named `admin`, so this one gathers the pages."""

from reservations.admin import (
    allocation,
    assignments,
    calendars,
    causes,
    continuity,
    ledger,
    money,
    plans,
    previews,
    remedies,
    reservations,
    shortfalls,
    waitlist,
)

__all__ = [
    "allocation",
    "assignments",
    "calendars",
    "causes",
    "continuity",
    "ledger",
    "money",
    "plans",
    "previews",
    "remedies",
    "reservations",
    "shortfalls",
    "waitlist",
]
