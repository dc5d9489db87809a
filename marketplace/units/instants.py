"""Instants as text: RFC 3339 in UTC with `Z`, everywhere the same width."""

from datetime import UTC, datetime, timedelta

from marketplace.units import period

RFC3339 = "%Y-%m-%dT%H:%M:%S.%fZ"


def rfc3339(at: datetime) -> str:
    """`2027-02-01T09:30:00.000000Z`."""
    return at.astimezone(UTC).strftime(RFC3339)


def in_words(at: datetime) -> str:
    """`23 Nov 2026, 14:35 UTC`: an instant in a sentence, the same through every door."""
    utc = at.astimezone(UTC)
    return f"{period.in_words(utc.date())}, {utc:%H:%M} UTC"


def from_words(at: datetime) -> str:
    """The first whole minute from which something may be done again, in words."""
    return in_words(at if at.second == at.microsecond == 0 else at + timedelta(minutes=1))
