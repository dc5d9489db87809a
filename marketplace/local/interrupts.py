"""Ctrl-C, SIGTERM and a closed terminal all mean: stop everything in order, and once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Raised in the main thread by the first of these signals; what follows it is heard no more."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def ignore(number: int, frame: FrameType | None) -> None:
    """A function and not SIG_IGN, which children would inherit."""


@contextmanager
def stopped_by_signals(*, ctrl_c: bool = True) -> Iterator[None]:
    """Without `ctrl_c` the child at the terminal deals with it alone (a shell goes on after it)."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, ignore)
        raise Stopped(number)

    before = {each: signal.signal(each, stop) for each in SIGNALS}
    if not ctrl_c:
        signal.signal(signal.SIGINT, ignore)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
