"""The demo market's build-out, moved so that what is built and what is coming stay so on any day."""

from datetime import date
from pathlib import Path

from marketplace.supply import campuses
from marketplace.supply.assumptions import read_assumptions

FILES = Path(__file__).with_name("market")
WEEK = 7


def demo_campuses(today: date) -> campuses.CampusPlan:
    """The shipped figures, moved by whole weeks from the day they were written for to today."""
    assumptions = read_assumptions(FILES / "assumptions.toml")
    written_for = assumptions.written_for or today
    weeks = (today - written_for).days // WEEK
    return campuses.shifted(campuses.read(FILES, assumptions, today=written_for), days=weeks * WEEK)
