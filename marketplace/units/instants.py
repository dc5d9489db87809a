"""Instants as text: RFC 3339 in UTC with `Z`, everywhere the same width."""

from datetime import UTC, datetime

RFC3339 = "%Y-%m-%dT%H:%M:%S.%fZ"


def rfc3339(at: datetime) -> str:
    """`2027-02-01T09:30:00.000000Z`."""
    return at.astimezone(UTC).strftime(RFC3339)
