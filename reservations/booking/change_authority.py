"""What a change of a reservation asks of the organisation's own rules: who signs it, and out of which budget."""

from datetime import datetime
from decimal import Decimal

from marketplace.journal.actor import Actor
from marketplace.parties.budgets import charge_again
from marketplace.parties.chains import Step
from marketplace.parties.models import ADMIN, ApiKey, Membership
from marketplace.parties.signing import standing
from marketplace.screening.queries import check_cleared
from marketplace.units.money import Money
from marketplace.units.period import Period
from reservations.booking.amendments import ReservationChange
from reservations.booking.models import Reservation
from reservations.booking.states import EXTEND, MOVE, RESIZE

TAKES_CAPACITY = (EXTEND, RESIZE, MOVE)
NEEDED = "Your organisation's rules ask for an approval of this change: let {} accept it. Nothing was changed."


class ApprovalNeeded(Exception):
    """A change is approved by who accepts it: it must be somebody who may take the last step of the chain."""

    def __init__(self, who: str) -> None:
        super().__init__(NEEDED.format(who))


def check_clearance_of(reservation: Reservation, kind: str, now: datetime) -> None:
    """What gives capacity back is open to everybody; what takes some is screened. Raises ScreeningRequired."""
    if kind in TAKES_CAPACITY:
        check_cleared(
            organisation_id=reservation.organisation_id,
            pool_id=reservation.pool_id,
            end_customer_id=reservation.end_customer_id,
            now=now,
        )


def check_change(reservation: Reservation, change: ReservationChange, by: Actor, now: datetime) -> None:
    """Whether `by` may bind the organisation to what the change adds. Giving back needs nobody's signature.

    Raises ScreeningRequired, NoAgreement, NoAuthority or ApprovalNeeded.
    """
    if change.kind not in TAKES_CAPACITY:
        return
    check_clearance_of(reservation, change.kind, now)
    dearer = max(change.added - change.returned + change.fee, Decimal(0))
    found = standing(
        organisation_id=reservation.organisation_id,
        by=by,
        seller_id=reservation.pool.seller_id,
        amount=Money(dearer, reservation.currency),
        now=now,
    )
    found.check_may_sign()
    if found.steps and dearer and not _may_approve(by, reservation.organisation_id, found.steps[-1]):
        raise ApprovalNeeded("the person named last in the chain" if found.steps[-1].user_id else "an approver")


def _may_approve(by: Actor, organisation_id: int, last: Step) -> bool:
    if last.user_id is not None:
        return by.user_id == last.user_id
    if by.key_id is not None:
        return ApiKey.objects.filter(pk=by.key_id, scopes__contains=["admin"]).exists()
    members = Membership.objects.filter(organisation_id=organisation_id, role__in={last.role, ADMIN})
    return by.is_staff or (by.user_id is not None and members.filter(user_id=by.user_id).exists())


def charge_change(reservation: Reservation, change: ReservationChange, now: datetime) -> None:
    """The budget follows the change: what the block costs from now on, with its fee. Raises OverBudget.

    After the reservation and before the claim, by the lock order.
    """
    if reservation.cost_centre_id is None:
        return
    total = max(reservation.total + change.added - change.returned + change.fee, Decimal(0))
    charge_again(
        holder=reservation.public_id,
        total=Money(total, reservation.currency),
        block=Period(change.start, change.end),
        now=now,
    )
