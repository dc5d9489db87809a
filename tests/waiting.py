"""Waiting for what another process does: by looking, with a deadline, never by sleeping long enough."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def wait_until(predicate: Callable[[], Seen], timeout: float = 20.0) -> Seen:
    """The first true value of `predicate`; fails after `timeout` seconds with the last one it saw."""
    deadline = time.monotonic() + timeout
    while not (seen := predicate()):
        assert time.monotonic() < deadline, f"not within {timeout} s: the last value was {seen!r}"
        time.sleep(0.05)
    return seen
