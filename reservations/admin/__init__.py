"""The cockpit's pages for the top floor. Django looks for a module named `admin`, so this one gathers the pages."""

from reservations.admin import assignments, calendars, continuity, money, reservations, waitlist

__all__ = ["assignments", "calendars", "continuity", "money", "reservations", "waitlist"]
