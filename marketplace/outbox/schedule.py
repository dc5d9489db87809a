"""When a failed delivery is tried again, and when an endpoint is given up. Pure.

The delays are the example of Standard Webhooks 1.0.0: ten tries over a little more than three days. Published in
docs/webhooks.md, on the page and over REST.
"""

import random
from datetime import datetime, timedelta

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
TRIES = len(DELAYS) + 1
JITTER = 0.08  # of the delay, to both sides: receivers that were down together are not called together
LONGEST_WISH = timedelta(hours=24)  # of what a receiver may ask for with Retry-After
GIVEN_UP_AFTER = timedelta(days=5)  # of nothing but failures


def next_try(*, tries: int, now: datetime, retry_after: timedelta | None, rng: random.Random) -> datetime | None:
    """When to try again after so many tries; None where that was the last."""
    if tries >= TRIES:
        return None
    delay = DELAYS[tries - 1] * rng.uniform(1 - JITTER, 1 + JITTER)
    return now + max(delay, min(retry_after or timedelta(0), LONGEST_WISH))


def is_given_up(*, failing_since: datetime, now: datetime) -> bool:
    return now - failing_since >= GIVEN_UP_AFTER


def in_words() -> list[str]:
    """`5 seconds`, `5 minutes`, …"""
    return [_words(delay) for delay in DELAYS]


def _words(delay: timedelta) -> str:
    seconds = int(delay.total_seconds())
    for size, name in ((3600, "hours"), (60, "minutes"), (1, "seconds")):
        if seconds >= size:
            return f"{seconds // size} {name}"
    raise ValueError(delay)
