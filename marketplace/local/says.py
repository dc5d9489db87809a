"""What the launcher tells the person at the terminal: one line for each step, with its seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class CannotStart(Exception):
    """Something on this machine is in the way; the message says what to do about it."""


def say(text: str = "", *, end: str = "\n", to: TextIO | None = None) -> None:
    # A closed terminal must not keep the servers from being stopped.
    try:
        print(text, end=end, file=to or sys.stdout, flush=True)
    except OSError:
        pass


@contextmanager
def step(text: str, *, to: TextIO | None = None) -> Iterator[None]:
    """`migrations … 2.1 s`, or where it ended."""
    started = time.monotonic()
    say(f"{text} … ", end="", to=to)
    try:
        yield
    except BaseException:
        say("not done", to=to)
        raise
    say(f"{time.monotonic() - started:.1f} s", to=to)
