"""Making a reservation what was chosen: its hold becomes the claim, what it does not need any more is free again."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from marketplace.capacity import ledger
from marketplace.capacity.queries import claimed_days
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.parties.budgets import OverBudget, charge_again, give_back
from marketplace.units.money import Money, rounded
from marketplace.units.period import Period
from pricing.quotes.changes import Part, per_day
from pricing.quotes.exits import IN_WORDS, LONG_STOP
from reservations.allocation.afterwards import cover, spread
from reservations.allocation.remedies import RemedyChoice
from reservations.booking import states
from reservations.booking.calling import call_at
from reservations.booking.dues import owe
from reservations.booking.lifecycle import move
from reservations.booking.models import Reservation
from reservations.booking.money import DELAY_CREDIT, LONG_STOP_REFUND, RETURNED, Due
from reservations.booking.pieces import as_json, cuts, parts


def block_of(choice: RemedyChoice) -> list[Part]:
    """The block as it is after the choice."""
    return [
        Part(Period(date.fromisoformat(line["start"]), date.fromisoformat(line["end_exclusive"])), line["quantity"])
        for line in choice.lines
    ]


def become(found: Reservation, choice: RemedyChoice, now: datetime) -> None:
    """The reservation, locked, is served as was chosen from now on. Raises HoldGone.

    The price stays what was agreed; it falls by what was announced as coming back. The first day by the contract is on
    the remedy: lateness goes on counting from there.
    """
    after = block_of(choice)
    if choice.pool_id == found.pool_id:
        _in_the_same_pool(found, choice, after, now)
    else:
        _in_another_pool(found, choice, now)
    found.total -= choice.refund
    found.pieces = as_json(spread(int(found.total.scaleb(2)), after))
    found.revision += 1
    _dates(found, after)
    found.save(update_fields=CHANGED)
    _budget_follows(found, now)
    _owe_back(found, choice.refund, now)


CHANGED = [
    "pool", "claim_id", "more_claims", "start", "end", "quantity", "total", "pieces", "revision", "delivered_on",
    "next_at", "call_at",
]  # fmt: skip


def _in_the_same_pool(found: Reservation, choice: RemedyChoice, after: list[Part], now: datetime) -> None:
    turnaround = found.quote.contract_terms.turnaround_days
    before = parts(found)
    period = cover(before, after, turnaround=turnaround)
    kept = cuts(
        pool_id=found.pool_id,
        claim_ids=found.claim_ids,
        before=per_day(before, period),
        after=per_day(after, period),
        period=period,
        turnaround=turnaround,
    )
    ledger.amend(commit=choice.claim_id, kept=kept, now=now)
    if choice.claim_id is not None:
        found.more_claims = [*found.more_claims, choice.claim_id]


def _in_another_pool(found: Reservation, choice: RemedyChoice, now: datetime) -> None:
    assert choice.claim_id is not None  # all of it is new there, so all of it was held
    live = {line.claim_id for line in claimed_days(claim_ids=found.claim_ids)}
    ledger.amend(commit=choice.claim_id, kept=[ledger.Kept(each) for each in sorted(live)], now=now)
    found.pool_id, found.claim_id, found.more_claims = choice.pool_id, choice.claim_id, []


def _dates(found: Reservation, after: list[Part]) -> None:
    """What has begun keeps its first day; what has not begins with the first GPUs."""
    found.end = max(part.period.end for part in after)
    found.quantity = max(part.quantity for part in after)
    if found.status == states.SCHEDULED:
        found.start = min(part.period.start for part in after)
        if found.by_clock:
            found.delivered_on = found.start + timedelta(days=found.quote.contract_terms.acceptance_days)
    if found.delivered_on is not None:
        found.delivered_on = min(found.delivered_on, found.end)
    found.next_at = found.schedule.due_at(found.status)
    found.call_at = call_at(found.quote, found.end)


def _budget_follows(found: Reservation, now: datetime) -> None:
    """It costs no more than before, so no budget stands in the way: where days move into a period that is spent
    already, it stays charged where it was."""
    if found.cost_centre_id is None:
        return
    try:
        with transaction.atomic():
            charge_again(holder=found.public_id, total=found.money, block=found.period, now=now)
    except OverBudget:
        return


def _owe_back(found: Reservation, refund: Decimal, now: datetime) -> None:
    """Of what is not delivered any more, what was due up front for it."""
    share = rounded(refund * found.quote.up_front_percent / 100, found.currency)
    key = f"{RETURNED}:{found.revision}"
    owe(found, key=key, money=Money(-share.amount, found.currency), reason=RETURNED, due_at=now, now=now)


def leave(found: Reservation, *, by: Actor = SYSTEM, now: datetime) -> None:
    """Ends a contract that is late beyond its long-stop date: everything that was due comes back; credits stay.

    Raises NotInThisState where it has been handed over.
    """
    move(found, action=states.CANCEL, by=by, roles=states.CUSTOMER, now=now, reason=IN_WORDS[LONG_STOP])
    if found.cost_centre_id is not None:
        give_back(holder=found.public_id, now=now)
    was = Due.objects.filter(reservation=found).exclude(reason=DELAY_CREDIT).aggregate(sum=Sum("amount"))["sum"]
    money = Money(-(was or Decimal(0)), found.currency)
    owe(found, key=LONG_STOP_REFUND, money=money, reason=LONG_STOP_REFUND, due_at=now, now=now)
    found.total, found.pieces, found.call_at = Decimal(0), [], None
    found.revision += 1
    found.save(update_fields=["total", "pieces", "revision", "call_at"])
