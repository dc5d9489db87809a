"""What the two sides do about a delivery: notice, hand-over, results, acceptance, rejection, hand-back.

The provider's acts name the seller (`seller_id`: its wall; None for staff), the customer's its organisation. What moves
the reservation is `booking/delivery.py`, by the table of states; here is what was said, and its evidence.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from reservations.booking import delivery as booking
from reservations.booking import states
from reservations.booking.late import open_gpus
from reservations.booking.lifecycle import (
    SHORTEST_REASON,
    NotInThisState,
    NotYourRole,
    TransitionReasonMissing,
    check,
    lock_reservation,
)
from reservations.booking.models import Reservation
from reservations.delivery import models
from reservations.delivery.evidence import delivery_of, verdict_of, write_down
from reservations.delivery.models import Delivery, NodeResult
from reservations.delivery.references import check_no_secret, check_reference
from reservations.delivery.verdicts import FABRIC_NODE, Result

PROVIDES = frozenset({states.PROVIDER, states.STAFF})
MOST_RESULTS = 50_000
LONGEST_NODE = 80
MOST_VALUE = Decimal(10) ** 9


class ReadyDayWrong(ValueError):
    """The day of a ready notice cannot be. Nothing was changed."""


class NoticeShort(ValueError):
    """The ready notice names a day sooner than the contract lets the provider. Nothing was changed."""

    def __init__(self, earliest: date, days: int) -> None:
        super().__init__(f"The contract gives {days} days' notice: {earliest} is the earliest day from today.")
        self.earliest = earliest


class ResultsWrong(ValueError):
    """A figure cannot be taken in: `row` says which, counted from 0. None was."""

    def __init__(self, row: int, said: str) -> None:
        super().__init__(f"Result {row + 1}: {said} None of the results was taken in.")
        self.row = row


class NodesUnknown(ValueError):
    """Nodes that are to be accepted were not reported, or were accepted before. Nothing was changed."""


class RejectionUnfounded(ValueError):
    """Tests are named as failed that the results do not show so. Nothing was changed."""


class NotOverYet(Exception):
    """The last day is not over. Nothing was changed."""

    def __init__(self, end: date) -> None:
        super().__init__(f"The block runs until {end}: what is in use cannot be handed back.")


class HandedBackBefore(Exception):
    """It was handed back already. Nothing was changed."""

    def __init__(self, day: date) -> None:
        super().__init__(f"It was handed back on {day} already.")


def say_ready(
    *, reservation: str, ready_on: date, contact: str = "", by: Actor, roles: Collection[str], seller_id: int | None
) -> Delivery:
    """The provider says on which day it will hand over; another notice replaces it.

    Raises ReservationNotFound, NotYourRole, NotInThisState, ReadyDayWrong, NoticeShort or LooksLikeSecret.
    """
    found, now = _of_provider(reservation, roles, seller_id)
    check(found, action=states.HAND_OVER, roles=roles, now=now)
    check_no_secret(contact, "contact")
    _check_ready_day(found, ready_on, now)
    delivery = delivery_of(found)
    delivery.ready_on, delivery.contact = ready_on, contact.strip()[:200] or delivery.contact
    delivery.save(update_fields=["ready_on", "contact"])
    said = {"ready_on": ready_on.isoformat(), "contact": delivery.contact}
    write_down(delivery, kind=models.READY, side=models.PROVIDER, by=by, said=said, now=now)
    _tell(found, "delivery.ready", said, now)
    return delivery


def _check_ready_day(found: Reservation, ready_on: date, now: datetime) -> None:
    first = found.start - booking.HAND_OVER_AHEAD
    if not first <= ready_on < found.end or ready_on < now.date():
        least = max(first, now.date())
        raise ReadyDayWrong(
            f"A day from {least} to {found.end - timedelta(days=1)}: access is given a day ahead at most."
        )
    days = found.quote.contract_terms.ready_notice_days
    earliest = now.date() + timedelta(days=days)
    # Late is late: where the agreed day cannot be kept with notice any more, sooner is better than in due form.
    if ready_on < earliest and found.start >= earliest:
        raise NoticeShort(earliest, days)


def hand_over(
    *,
    reservation: str,
    contact: str,
    access_reference: str,
    by: Actor,
    roles: Collection[str],
    seller_id: int | None,
    reason: str = "",
) -> Delivery:
    """The provider gives access: whom to ask, and where the details are kept, never the details.

    Raises what `booking.hand_over` raises, LooksLikeSecret or NotAReference.
    """
    reference = check_reference(access_reference)
    said = {"contact": check_no_secret(contact, "contact").strip()[:200], "access_reference": reference}
    found = booking.hand_over(reservation=reservation, by=by, roles=roles, seller_id=seller_id, reason=reason)
    delivery, now = delivery_of(found), _time_of(found)
    delivery.contact, delivery.access_reference = said["contact"], reference
    delivery.round += 1
    delivery.save(update_fields=["contact", "access_reference", "round"])
    write_down(delivery, kind=models.HANDOVER, side=models.PROVIDER, by=by, said=said, now=now)
    until = found.delivered_on.isoformat() if found.delivered_on else None
    _tell(found, "delivery.handed_over", {"gpus": open_gpus(found), "accept_until": until}, now)
    return delivery


def post_results(
    *,
    reservation: str,
    results: Sequence[Result],
    by: Actor,
    roles: Collection[str],
    organisation_id: int | None = None,
    seller_id: int | None = None,
) -> Delivery:
    """Figures of nodes and of the fabric, in bulk, by either side: all of them or none. A later figure is a retest.

    Raises ReservationNotFound, NotYourRole, NotInThisState or ResultsWrong.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id, seller_id=seller_id)
    side = _side(roles, by_seller=organisation_id is None)
    if found.state(now) != states.DELIVERING or found.handed_over_on is None:
        raise NotInThisState("report_results", found.state(now))
    _check_results(found, results)
    delivery = delivery_of(found)
    figures = [[each.node, each.test, str(each.value)] for each in results]
    act = write_down(delivery, kind=models.RESULTS, side=side, by=by, said={"results": figures}, now=now)
    NodeResult.objects.bulk_create(
        [NodeResult(act=act, node=each.node, test=each.test, value=each.value) for each in results], batch_size=5000
    )
    _tell(found, "delivery.tested", {"by": side, "results": len(results)}, now)
    return delivery


def _check_results(found: Reservation, results: Sequence[Result]) -> None:
    tests = {(test.scope == "fabric", test.name) for test in found.quote.contract_terms.tests}
    known = ", ".join(f"{name} ({'fabric' if whole else 'node'})" for whole, name in sorted(tests)) or "none"
    if not 0 < len(results) <= MOST_RESULTS:
        raise ResultsWrong(0, f"Send 1 to {MOST_RESULTS:,} results at once.")
    seen: set[tuple[str, str]] = set()
    nodes = open_gpus(found) // found.pool.lot
    for row, each in enumerate(results):
        if ((each.node == FABRIC_NODE), each.test) not in tests or each.test == "failed_node_percent":
            raise ResultsWrong(row, f"“{each.test}” is no test of this contract there; it names: {known}.")
        if not each.value.is_finite() or not 0 <= each.value <= MOST_VALUE:
            raise ResultsWrong(row, f"the figure is a number from 0 to {MOST_VALUE:,}.")
        if len(each.node) > LONGEST_NODE or (each.node, each.test) in seen:
            raise ResultsWrong(row, f"a node's name has at most {LONGEST_NODE} characters and stands once a test.")
        seen.add((each.node, each.test))
    if len({node for node, _ in seen} - {FABRIC_NODE}) > nodes:
        raise ResultsWrong(0, f"{nodes:,} nodes were handed over, and more are named.")


def accept(
    *,
    reservation: str,
    nodes: Sequence[str] = (),
    by: Actor,
    roles: Collection[str],
    organisation_id: int | None,
    reason: str = "",
) -> Delivery:
    """All that was handed over is accepted; with `nodes`, these alone, and the rest stays late.

    Raises what the booking's acts raise, or NodesUnknown.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    common: dict[str, Any] = {
        "reservation": reservation,
        "by": by,
        "organisation_id": organisation_id,
        "roles": roles,
        "reason": reason,
    }
    if not nodes:
        moved = booking.accept_delivery(**common)
        return _decided(moved, models.ACCEPTED, {"gpus": open_gpus(moved), "reason": reason}, by, now)
    check(found, action=states.ACCEPT_PART, roles=roles, now=now, reason=reason)
    named = _check_nodes(found, nodes)
    moved = booking.accept_part(gpus=len(named) * found.pool.lot, **common)
    done = _decided(moved, models.IN_PART, {"nodes": named, "gpus": len(named) * found.pool.lot}, by, now)
    done.accepted_nodes = [*done.accepted_nodes, *named]
    done.save(update_fields=["accepted_nodes"])
    return done


def _check_nodes(found: Reservation, nodes: Sequence[str]) -> list[str]:
    named = sorted(set(nodes))
    delivery = delivery_of(found)
    verdict = verdict_of(found, delivery, open_gpus(found) // found.pool.lot)
    reported = {*verdict.passed, *verdict.open, *(node for node, _ in verdict.failed)}
    again = set(named) & set(delivery.accepted_nodes)
    unknown = [node for node in named if node not in reported]
    if again or unknown:
        which = ", ".join(sorted(again) or unknown)[:200]
        raise NodesUnknown(f"{which}: {'accepted before' if again else 'no result names this node in this round'}.")
    return named


def reject(
    *,
    reservation: str,
    tests: Sequence[str],
    by: Actor,
    roles: Collection[str],
    organisation_id: int | None,
    reason: str,
) -> Delivery:
    """What was handed over is not accepted, for tests that the results show as failed; the provider hands over again.

    Where the contract names no tests, a reason is enough. Raises what `booking.reject_delivery` raises, or
    RejectionUnfounded.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    check(found, action=states.REJECT_DELIVERY, roles=roles, now=now, reason=reason)
    _check_grounds(found, tests)
    if len(reason.strip()) < SHORTEST_REASON:
        raise TransitionReasonMissing
    moved = booking.reject_delivery(
        reservation=reservation, by=by, organisation_id=organisation_id, roles=roles, reason=reason
    )
    return _decided(moved, models.REJECTED, {"tests": sorted(set(tests)), "reason": reason.strip()}, by, now)


def _check_grounds(found: Reservation, tests: Sequence[str]) -> None:
    if not found.quote.contract_terms.tests:
        return
    verdict = verdict_of(found, delivery_of(found), open_gpus(found) // found.pool.lot)
    if not tests or not set(tests) <= set(verdict.failures):
        shown = ", ".join(verdict.failures) or "none"
        raise RejectionUnfounded(f"Name tests that failed by the results that were reported. Failed so far: {shown}.")


def hand_back(
    *, reservation: str, by: Actor, roles: Collection[str], seller_id: int | None, note: str = ""
) -> Delivery:
    """The provider has its GPUs back; they are free again after the contract's turnaround.

    Raises ReservationNotFound, NotYourRole, NotOverYet, HandedBackBefore or LooksLikeSecret.
    """
    found, now = _of_provider(reservation, roles, seller_id)
    check_no_secret(note, "note")
    if found.state(now) != states.ENDED:
        raise NotOverYet(found.end)
    delivery = delivery_of(found)
    if delivery.handed_back_on is not None:
        raise HandedBackBefore(delivery.handed_back_on)
    delivery.handed_back_on = now.date()
    # What is claimed for turnaround is claimed from the end on; a later hand-back is the provider's own time.
    delivery.free_from = max(found.end, now.date()) + timedelta(days=found.quote.contract_terms.turnaround_days)
    delivery.save(update_fields=["handed_back_on", "free_from"])
    said = {"handed_back_on": now.date().isoformat(), "free_from": delivery.free_from.isoformat(), "note": note[:500]}
    write_down(delivery, kind=models.HANDED_BACK, side=models.PROVIDER, by=by, said=said, now=now)
    _tell(found, "reservation.handed_back", said, now)
    return delivery


def _of_provider(reservation: str, roles: Collection[str], seller_id: int | None) -> tuple[Reservation, datetime]:
    found = lock_reservation(public_id=reservation, organisation_id=None, seller_id=seller_id)
    if PROVIDES.isdisjoint(roles):
        raise NotYourRole(states.HAND_OVER, PROVIDES)
    return found


def _side(roles: Collection[str], *, by_seller: bool) -> str:
    """Who reports: the provider with its staff, or the customer."""
    if by_seller and not PROVIDES.isdisjoint(roles):
        return models.PROVIDER
    if not by_seller and not states.CUSTOMER.isdisjoint(roles):
        return models.CUSTOMER
    raise NotYourRole("report_results", PROVIDES | states.CUSTOMER)


def _decided(moved: Reservation, kind: str, said: dict[str, Any], by: Actor, now: datetime) -> Delivery:
    delivery = delivery_of(moved)
    act = write_down(delivery, kind=kind, side=models.CUSTOMER, by=by, said=said, now=now)
    name = "delivery.rejected" if kind == models.REJECTED else "delivery.accepted"
    for whose in {moved.organisation_id, moved.pool.seller_id}:
        _tell(moved, name, {**said, "decision": kind, "evidence": act.digest}, now, whose)
    return delivery


def _time_of(moved: Reservation) -> datetime:
    """When the step was written down that has just been taken."""
    return moved.transitions.latest("id").at


def _tell(
    found: Reservation, name: str, data: dict[str, Any], now: datetime, organisation_id: int | None = None
) -> None:
    emit(
        name=name,
        subject=found.public_id,
        organisation_id=organisation_id or found.organisation_id,
        data={"reservation": found.public_id, **data},
        now=now,
    )
