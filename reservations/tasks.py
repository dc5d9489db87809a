"""Sweeps over what is due on the top floor. Each may run twice, late, or beside another: rows decide, not the queue."""

from celery import shared_task

from marketplace.celery import ALLOT_PROJECTS, SERVE_WAITLIST, WATCH_SHORTFALLS
from marketplace.change import change
from marketplace.supply.queries import latest_projection
from marketplace.units import clock
from pricing.quotes.in_force import MarketStale
from reservations.allocation.choosing import settle_remedy
from reservations.allocation.credits import late_ones, write_credit
from reservations.allocation.plans import make_plan, sellers_to_plan
from reservations.allocation.remedies import Remedy
from reservations.allocation.telling import announce_due
from reservations.allocation.watching import pools_to_watch, watch_pool
from reservations.billing.posting import post_new
from reservations.booking.calling import CANNOT_BE_KEPT, keep_for_holder, tell_holder
from reservations.booking.lifecycle import settle
from reservations.booking.models import Reservation
from reservations.booking.ordering import order_form, without_order_form
from reservations.booking.unpaid import settle_unpaid, unpaid_changes
from reservations.booking.waitlist.models import OFFERED, WaitlistEntry
from reservations.booking.waitlist.serving import (
    NotServed,
    TakenMeanwhile,
    lapse,
    offer_next,
    pass_over,
    settle_offer,
)
from reservations.delivery.allotting import allot, pools_with_blocks
from reservations.delivery.ending import remind, to_remind

MOST_AT_ONCE = 1000
MOST_FORMS_AT_ONCE = 100


@shared_task(name="reservations.settle")
def settle_due_reservations() -> int:
    """Writes down what the clock has done to reservations: deadlines, first and last days. True in any case."""
    due = Reservation.objects.due(clock.now()).order_by("next_at").values_list("pk", flat=True)[:MOST_AT_ONCE]
    settled = [change.run(lambda pk=pk: settle(reservation_id=pk)) for pk in list(due)]  # type: ignore[misc]
    return sum(reservation is not None for reservation in settled)


@shared_task(name=SERVE_WAITLIST)
def serve_due_waitlist() -> int:
    """Writes down what became of offers from the waitlist, then makes new ones, one a transaction, in the order of the
    queue.

    Woken when quotes lapse and limits rise, and by beat. Twice at once, one of the two leaves the queue to the other.
    """
    offered = WaitlistEntry.objects.filter(status=OFFERED).values_list("pk", flat=True)
    for pk in list(offered):
        change.run(lambda pk=pk: settle_offer(entry_id=pk))  # type: ignore[misc]
    over = WaitlistEntry.objects.in_line().filter(last_start__lte=clock.today()).values_list("pk", flat=True)
    for pk in list(over):
        change.run(lambda pk=pk: lapse(entry_id=pk))  # type: ignore[misc]
    return _offers_made()


def _offers_made() -> int:
    """Offers until nobody in line fits any more; who could not be given one is on record, and the queue goes on."""
    made, tried = 0, set[int]()
    while made + len(tried) < MOST_AT_ONCE:
        try:
            if change.run(lambda: offer_next(skip=frozenset(tried))) is None:
                break
            made += 1
        except (NotServed, TakenMeanwhile) as failed:
            tried.add(failed.entry_id)
            if failed.reason:
                why = failed.reason, str(failed)
                change.run(lambda pk=failed.entry_id, why=why: pass_over(entry_id=pk, reason=why[0], detail=why[1]))  # type: ignore[misc]
        except (MarketStale, change.Busy):
            break
    return made


@shared_task(name="reservations.settle_unpaid_changes")
def settle_unpaid_changes() -> int:
    """Gives back what changes added and nobody paid for until its deadline."""
    due = unpaid_changes(clock.now()).values_list("pk", flat=True)[:MOST_AT_ONCE]
    settled = [change.run(lambda pk=pk: settle_unpaid(change_id=pk, now=clock.now())) for pk in list(due)]  # type: ignore[misc]
    return sum(reservation is not None for reservation in settled)


@shared_task(name="reservations.post_money")
def post_new_money() -> int:
    """Brings the ledger of money up to date with dues and receipts."""
    posted = 0
    while some := change.run(lambda: post_new(now=clock.now())):
        posted += some
    return posted


@shared_task(name="reservations.make_order_forms")
def make_order_forms() -> int:
    """Makes the order forms of what was accepted since. Whoever asks for one earlier makes the same bytes."""
    made = [
        change.run(lambda row=row: order_form(reservation=row))  # type: ignore[misc]
        for row in without_order_form(MOST_FORMS_AT_ONCE)
    ]
    return len(made)


@shared_task(name="reservations.call_holders")
def call_due_holders() -> int:
    """Calls holders whose blocks end soon to extend them first, and keeps the days after where the contract says so.

    Told and kept are two changes: where nothing can be kept, the holder is told all the same.
    """
    due = Reservation.objects.to_call(clock.now()).order_by("call_at").values_list("pk", flat=True)[:MOST_AT_ONCE]
    told = [change.run(lambda pk=pk: tell_holder(reservation_id=pk)) for pk in list(due)]  # type: ignore[misc]
    called = [reservation.pk for reservation in told if reservation]
    for pk in called:
        try:
            change.run(lambda pk=pk: keep_for_holder(reservation_id=pk))  # type: ignore[misc]
        except CANNOT_BE_KEPT:
            continue  # somebody has the days already
    return len(called)


@shared_task(name=ALLOT_PROJECTS)
def allot_projects() -> int:
    """Works out again which projects serve whom, in every pool where something has changed that it rests on.

    Woken after each published projection, and by beat. Returns for how many pools there was something new.
    """
    runs = [change.run(lambda pool=pool: allot(pool=pool, now=clock.now())) for pool in pools_with_blocks()]  # type: ignore[misc]
    return sum(run is not None for run in runs)


@shared_task(name="reservations.remind_of_ends")
def remind_of_ends() -> int:
    """Reminds holders and sellers of blocks that end soon, each end once."""
    due = list(to_remind(clock.now()).order_by("end", "pk").values_list("pk", flat=True)[:MOST_AT_ONCE])
    told = [change.run(lambda pk=pk: remind(reservation_id=pk)) for pk in due]  # type: ignore[misc]
    return sum(notice is not None for notice in told)


@shared_task(name=WATCH_SHORTFALLS)
def watch_due_shortfalls() -> int:
    """Looks for what is short under the projection in force, plans for what will probably not recover, and tells those
    concerned what they may choose. Returns how many shortfalls changed.

    Killed at any point the next run goes on: what a pool was last seen as, and what a plan is made for, stand in rows.
    """
    projection = latest_projection()
    if projection is None:
        return 0
    changed = 0
    for pool in pools_to_watch(projection=projection, now=clock.now()):
        found = change.run(lambda pool=pool: watch_pool(pool=pool, projection=projection, now=clock.now()))  # type: ignore[misc]
        changed += len(found or ())
    for seller in sellers_to_plan(now=clock.now()):
        change.run(lambda seller=seller: make_plan(seller_id=seller, projection=projection, now=clock.now()))  # type: ignore[misc]
    while change.run(lambda: announce_due(now=clock.now())):
        pass
    return changed


@shared_task(name="reservations.settle_remedies")
def settle_due_remedies() -> int:
    """Writes down what took effect at the deadlines of remedies. True in any case."""
    due = Remedy.objects.due(clock.now()).order_by("settles_at").values_list("pk", flat=True)[:MOST_AT_ONCE]
    settled = [change.run(lambda pk=pk: settle_remedy(remedy_id=pk)) for pk in list(due)]  # type: ignore[misc]
    return sum(remedy is not None for remedy in settled)


@shared_task(name="reservations.write_delay_credits")
def write_delay_credits() -> int:
    """Writes down what is owed for being late and is not written yet."""
    written = [change.run(lambda pk=pk: write_credit(reservation_id=pk)) for pk in late_ones(clock.now())]  # type: ignore[misc]
    return sum(due is not None for due in written)
