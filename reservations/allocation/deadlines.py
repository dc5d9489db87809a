"""Until when something is to be chosen, as dates of the organisation's calendar."""

from collections.abc import Iterator
from datetime import datetime

from marketplace.parties.models import Organisation
from reservations.allocation.deciding import OPEN
from reservations.allocation.remedies import Remedy
from reservations.booking.calendar import MOST, Entry, block_in_words


def deadlines_of(organisation: Organisation, now: datetime) -> Iterator[Entry]:
    rows = Remedy.objects.of(organisation.pk).in_state(OPEN, now).shown()
    for each in rows[:MOST]:
        title = f"Choose by now: {block_in_words(each.reservation)}"
        yield Entry(f"{each.public_id}-choose", title, each.deadline, each.announced_at)
