"""What contenders do in a race: each function is run by a process of its own."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.races import contender  # first: it loads Django

from marketplace.capacity import ledger  # isort: skip
from marketplace.capacity.actions import publish_limits, release_expired_holds  # isort: skip
from marketplace.capacity.kept import kept_inventory  # isort: skip
from marketplace.capacity.queries import Inventory, inventory  # isort: skip
from marketplace.catalogue.models import Pool  # isort: skip
from marketplace.change import change  # isort: skip
from marketplace.journal.actor import SYSTEM, Actor  # isort: skip
from marketplace.parties.budgets import OverBudget  # isort: skip
from marketplace.parties.models import Organisation  # isort: skip
from marketplace.parties.spending import CostCentre  # isort: skip
from marketplace.supply.models import Projection  # isort: skip
from marketplace.tasks import watch_exposure  # isort: skip
from marketplace.units import clock  # isort: skip
from marketplace.units.period import Period  # isort: skip
from pricing.quotes.actions import PriceChanged, take_quote  # isort: skip
from reservations.allocation.choosing import choose  # isort: skip
from reservations.booking.actions import accept_quote  # isort: skip
import tests.budgets  # isort: skip
from reservations.tasks import serve_due_waitlist  # isort: skip
from tests.capacity import FIRST, NOW, block, limit  # isort: skip

__all__ = ["contender"]
NEVER = datetime(2999, 1, 1, tzinfo=UTC)


def buy(pool_id: int, quantity: int, times: int = 1) -> int:
    """Buys a block so many times, or until it is refused; how many it got."""
    pool = Pool.objects.get(pk=pool_id)
    for bought in range(times):
        try:
            change.run(
                lambda: ledger.commit(holder="rsv_race", firmness="firm", lines=[block(pool, quantity)], now=NOW)
            )
        except ledger.InsufficientHeadroom:
            return bought
    return times


def take(offer: str, organisation_id: int) -> str:
    """Turns an offer into a quote; its id."""
    organisation, by = Organisation.objects.get(pk=organisation_id), Actor("race", organisation_id=organisation_id)
    return change.run(lambda: take_quote(offer=offer, organisation=organisation, by=by)).public_id


def purchase(offers: Sequence[str], organisation_id: int) -> list[str]:
    """Turns each offer into a quote and accepts it, at whatever price it has by then; the reservations that it got."""
    organisation = Organisation.objects.get(pk=organisation_id)
    got = []
    for offer in offers:
        try:
            quote = _quoted(offer, organisation)
        except ledger.InsufficientHeadroom:
            continue
        accept = partial(accept_quote, public_id=quote, by=SYSTEM, organisation_id=organisation_id)
        got.append(change.run(accept).public_id)
    return got


def _quoted(offer: str, organisation: Organisation) -> str:
    """Others buy meanwhile, so the price may rise: then the offer that comes with the refusal is taken."""
    while True:
        try:
            return change.run(partial(take_quote, offer=offer, organisation=organisation, by=SYSTEM)).public_id
        except PriceChanged as changed:
            offer = changed.offer.id


def watch(pool_id: int, times: int) -> int:
    """Reads what is kept so often, while others only buy; how many reads missed what the rows had before, or had what
    they did not have after."""
    wrong = 0
    for _ in range(times):
        before, seen, after = (_used(read, pool_id) for read in (inventory, kept_inventory, inventory))
        wrong += not before <= seen <= after
    return wrong


def _used(read: Callable[..., Inventory], pool_id: int) -> int:
    found = read(pool_ids=[pool_id], period=Period.of(FIRST, 1), now=NOW)
    return int(found.nested[0, 2, 0])


def hold_blocks(blocks: Sequence[tuple[int, int, int]], quantity: int, times: int) -> int:
    """Holds these (pool, start, days) as one bundle, and gives it back, so many times."""
    pools = Pool.objects.in_bulk([pool_id for pool_id, _, _ in blocks])
    lines = [block(pools[pool_id], quantity, start, days) for pool_id, start, days in blocks]
    for _ in range(times):
        held = change.run(
            lambda: ledger.hold(holder="qte_race", firmness="firm", lines=lines, expires_at=NEVER, now=NOW)
        )
        change.run(lambda held=held: ledger.release_hold(claim_id=held.claim_id, now=NOW))  # type: ignore[misc]
    return times


def bundle_holds(blocks: Sequence[tuple[int, int, int]], quantity: int, times: int) -> int:
    """Holds these (pool, start, days) each as a claim of its own, all or none, and gives all back, so many times."""
    pools = Pool.objects.in_bulk([pool_id for pool_id, _, _ in blocks])
    wanted = [
        ledger.Wanted("qte_race", "firm", block(pools[pool_id], quantity, start, days))
        for pool_id, start, days in blocks
    ]
    for _ in range(times):
        held = change.run(lambda: ledger.hold_all(wanted=wanted, expires_at=NEVER, now=NOW))
        change.run(lambda held=held: _give_all_back([each.claim_id for each in held]))  # type: ignore[misc]
    return times


def _give_all_back(claim_ids: Sequence[int]) -> None:
    ledger.lock_claims(claim_ids=claim_ids)
    for claim_id in sorted(claim_ids):
        ledger.release_hold(claim_id=claim_id, now=NOW)


def commit_holds(claim_ids: Sequence[int]) -> list[int]:
    """Commits each of these holds; those that it got."""
    got = []
    for claim_id in claim_ids:
        try:
            change.run(lambda claim_id=claim_id: ledger.commit_hold(claim_id=claim_id, now=NOW))  # type: ignore[misc]
            got.append(claim_id)
        except ledger.HoldGone:
            pass
    return got


def sweep(now: datetime) -> int:
    """Releases what has expired; how many it released."""
    return release_expired_holds(now=now)


def prolong(claim_ids: Sequence[int], until: datetime) -> list[int]:
    """Prolongs each of these holds, as an acceptance that waits for an approval does; those that it got in time."""
    got = []
    for claim_id in claim_ids:
        try:
            change.run(lambda claim_id=claim_id: ledger.prolong_hold(claim_id=claim_id, expires_at=until, now=NOW))  # type: ignore[misc]
            got.append(claim_id)
        except ledger.HoldGone:
            pass
    return got


def amend(changes: Sequence[tuple[int, int, int, int]]) -> list[int]:
    """Makes each of these changes (claim, hold, pool, start): the hold is committed and the claim cut to 8 GPUs for 10
    days. The holds that it got."""
    pools, got = Pool.objects.in_bulk([pool_id for _, _, pool_id, _ in changes]), []
    for claim_id, hold_id, pool_id, start in changes:
        kept = [ledger.Kept(claim_id, (block(pools[pool_id], 8, start, 10),))]
        try:
            change.run(partial(ledger.amend, commit=hold_id, kept=kept, now=NOW))
            got.append(hold_id)
        except ledger.HoldGone:
            pass
    return got


def spend(cost_centre_id: int, total: int, holder: str, times: int) -> int:
    """Spends so much of the cost centre's budgets, so many times or until it is refused; how often it got it."""
    centre = CostCentre.objects.get(pk=cost_centre_id)
    for number in range(times):
        try:
            change.run(lambda number=number: tests.budgets.spend(centre, f"{holder}_{number}", total))  # type: ignore[misc]
        except OverBudget:
            return number
    return times


def move_limits(pool_id: int, levels: Sequence[int]) -> None:
    """Sets the pool's limits to each of these in turn."""
    pool = Pool.objects.get(pk=pool_id)
    for level in levels:
        change.run(lambda level=level: limit(pool, level, level, level))  # type: ignore[misc]


def stop_selling(pool_id: int, times: int) -> int:
    """Cuts the pool's limits to what is claimed, so many times; on how many days, the last time."""
    for _ in range(times):
        days = change.run(lambda: ledger.stop_selling(pool_id=pool_id, first_day=FIRST))
    return days


def watch_sites() -> int:
    """The sweep over exposures; how many stops it began or lifted."""
    return watch_exposure()


def publish(pool_id: int, times: int) -> None:
    """Writes the newest projection's limits of the pool, so many times."""
    pool, projection = Pool.objects.get(pk=pool_id), Projection.objects.latest("pk")
    for _ in range(times):
        change.run(lambda: publish_limits(projection=projection, pool=pool))


def serve_waitlist() -> int:
    """The sweep over the waitlist; how many offers it made."""
    return serve_due_waitlist()


def work(name: str, *arguments: object) -> object:
    """One function of this module, by name: a race of different contenders."""
    return globals()[name](*arguments)


def choose_remedy(remedy: str, choice: str, user_id: int, organisation_id: int) -> str:
    """Chooses, as often as somebody else was faster; the choice that stands then is another's to say."""
    by = Actor("race", user_id=user_id, organisation_id=organisation_id)
    while True:
        try:
            change.run(
                lambda: choose(remedy=remedy, choice=choice, by=by, organisation_id=organisation_id, roles={"buyer"})
            )
        except change.Busy:
            continue
        return choice


def choose_or_buy(what: str, *arguments: Any) -> Any:
    """One of the choosers, or a rival who wants the same days."""
    if what == "choose":
        return choose_remedy(*arguments)
    pool_id, start, end, quantity = arguments
    lines = [ledger.Line(pool_id, Period(start, end), quantity)]
    change.run(lambda: ledger.commit(holder="rsv_rival", firmness="firm", lines=lines, now=clock.now()))
    return quantity
