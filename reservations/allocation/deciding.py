"""Where a remedy stands by the clock: pure. Its deadline decides, not whether a sweep ran."""

from datetime import datetime

OPEN, DECIDED, SETTLED = "open", "decided", "settled"


def stands_at(*, deadline: datetime, settles_at: datetime, settled_at: datetime | None, now: datetime) -> str:
    """`open` until the deadline; `settled` from `settles_at` on; between the two it is decided (an exit that was chosen
    takes effect on the long-stop date)."""
    if settled_at is not None or settles_at <= now:
        return SETTLED
    return OPEN if now < deadline else DECIDED
