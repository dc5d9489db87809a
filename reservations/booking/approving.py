"""What is done to a reservation that waits for an approval: approve, decline, withdraw. Or nothing, and it lapses."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from django.db.models import QuerySet

from marketplace.capacity.ledger import HoldGone
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.parties.chains import APPROVAL_EXPIRED, OWN_REQUEST
from marketplace.parties.models import ApiKey
from marketplace.units.instants import rfc3339
from reservations.booking import states
from reservations.booking.actions import Acceptance, after_approval, check_clearance
from reservations.booking.approvals import APPROVED, DECLINED, ApprovalStage
from reservations.booking.dues import owe_up_front
from reservations.booking.lifecycle import NotInThisState, check, lock_reservation, move
from reservations.booking.models import Reservation

NOT_YOURS = "This step is not yours to take: it waits for {}. Nothing was changed."
TWICE = "You took an earlier step: the next one needs somebody else. Nothing was changed."


class ApprovalExpired(Exception):
    """The deadline has passed: nothing is held any more."""

    def __init__(self) -> None:
        super().__init__(APPROVAL_EXPIRED)


class NotYourTurn(Exception):
    """The step that comes next is for somebody else; `who` says for whom."""

    def __init__(self, who: str, said: str = NOT_YOURS) -> None:
        super().__init__(said.format(who))
        self.who = who


class OwnRequest(NotYourTurn):
    """Who asks does not approve."""

    def __init__(self, who: str) -> None:
        super().__init__(who, OWN_REQUEST)


def approve(*, public_id: str, by: Actor, roles: Collection[str], organisation_id: int, note: str = "") -> Reservation:
    """Takes the next step of the chain. The last one commits: capacity is sold and the budget is spent.

    `roles` are those of lifecycle. Raises ReservationNotFound, ApprovalExpired, NotInThisState, NotYourTurn (or its
    kind OwnRequest), and at the last step what an acceptance raises: NoAgreement, NoAuthority, ScreeningRequired.
    """

    def one(each: str) -> Reservation:
        reservation, stages, now = _locked(each, organisation_id, states.APPROVE)
        stage = _mine(reservation, stages, by, roles)
        _keep(stage, APPROVED, by, now, note)
        if stage is stages[-1]:
            _commit(reservation, by, now, note)
        return reservation

    return _all_or_none(public_id, organisation_id, one)


def decline(*, public_id: str, by: Actor, roles: Collection[str], organisation_id: int, reason: str) -> Reservation:
    """Refuses the purchase at the step that comes next: capacity and budget are free again. Final.

    Raises what `approve` raises, and TransitionReasonMissing.
    """

    def one(each: str) -> Reservation:
        reservation, stages, now = _locked(each, organisation_id, states.DECLINE)
        stage = _mine(reservation, stages, by, roles)
        check(reservation, action=states.DECLINE, roles=_AS_APPROVER, now=now, reason=reason)
        _keep(stage, DECLINED, by, now, reason.strip())
        move(reservation, action=states.DECLINE, by=by, roles=_AS_APPROVER, now=now, reason=reason)
        return reservation

    return _all_or_none(public_id, organisation_id, one)


def withdraw(*, public_id: str, by: Actor, roles: Collection[str], organisation_id: int) -> Reservation:
    """Takes a request back before it is decided: capacity and budget are free again. Final."""

    def one(each: str) -> Reservation:
        reservation, _, now = _locked(each, organisation_id, states.WITHDRAW)
        move(reservation, action=states.WITHDRAW, by=by, roles=roles, now=now)
        return reservation

    return _all_or_none(public_id, organisation_id, one)


def _all_or_none(public_id: str, organisation_id: int, verb: Callable[[str], Reservation]) -> Reservation:
    """Does it to the reservation and, where it came of a bundle, to all others of that, locked by id: they were asked
    for as one. Returns the one that was named."""
    own = Reservation.objects.of(organisation_id)
    bundle = own.filter(public_id=public_id).values_list("quote__bundle_id", flat=True).first()
    if bundle is None:
        return verb(public_id)
    everyone = own.filter(quote__bundle_id=bundle).order_by("pk").values_list("public_id", flat=True)
    done = [verb(each) for each in list(everyone)]
    return next(each for each in done if each.public_id == public_id)


# Whose step it is has been decided by the chain; the table is told that an approver acts.
_AS_APPROVER = frozenset({states.APPROVER})


def waiting(organisation_id: int, now: datetime) -> QuerySet[Reservation]:
    """The organisation's requests that wait for an approval, those that lapse first in front."""
    return (
        Reservation.objects.of(organisation_id)
        .in_state(states.PENDING_APPROVAL, now)
        .select_related("pool__site", "pool__accelerator", "cost_centre", "quote")
        .prefetch_related("stages__user")
        .order_by("deadline", "pk")
    )


def is_turn_of(reservation: Reservation, *, user_id: int | None, key_id: int | None, roles: Collection[str]) -> bool:
    """Whether this person or key may take the step that comes next: what a page or list shows a button for."""
    stages = list(reservation.stages.all())
    by = Actor("", user_id=user_id, key_id=key_id)
    try:
        _mine(reservation, stages, by, roles)
    except NotYourTurn:
        return False
    return True


def _locked(public_id: str, organisation_id: int, action: str) -> tuple[Reservation, Sequence[ApprovalStage], datetime]:
    reservation, now = lock_reservation(public_id=public_id, organisation_id=organisation_id)
    if reservation.status == states.RELEASED and _has_lapsed(reservation):
        raise ApprovalExpired
    if reservation.status != states.PENDING_APPROVAL:
        raise NotInThisState(action, reservation.status)
    return reservation, list(reservation.stages.select_related("user")), now


def _has_lapsed(reservation: Reservation) -> bool:
    last = reservation.transitions.last()
    return last is not None and (last.action, last.before) == (states.LAPSE, states.PENDING_APPROVAL)


def _mine(
    reservation: Reservation, stages: Sequence[ApprovalStage], by: Actor, roles: Collection[str]
) -> ApprovalStage:
    """The step that comes next, if `by` may take it. Raises NotYourTurn or OwnRequest."""
    stage = next(stage for stage in stages if stage.decision is None)
    fits = stage.user_id == by.user_id if stage.user_id else stage.role in roles
    if not fits:
        raise NotYourTurn(stage.who if stage.user_id else stage.who.lower())
    if _asked(reservation, by):
        raise OwnRequest(stage.who)
    if any(_same(by, done.decided_by_user_id, done.decided_by_key_id) for done in stages if done.decision):
        raise NotYourTurn(stage.who, TWICE)
    return stage


def _asked(reservation: Reservation, by: Actor) -> bool:
    """Whether `by` made the request: in person, by this key, or by a key that the person made (and the reverse)."""
    user_id, key_id = reservation.accepted_by_user_id, reservation.accepted_by_key_id
    if _same(by, user_id, key_id):
        return True
    if key_id is not None and by.user_id is not None:
        return ApiKey.objects.filter(pk=key_id, created_by_id=by.user_id).exists()
    if user_id is not None and by.key_id is not None:
        return ApiKey.objects.filter(pk=by.key_id, created_by_id=user_id).exists()
    return False


def _same(by: Actor, user_id: int | None, key_id: int | None) -> bool:
    return (by.user_id is not None and by.user_id == user_id) or (by.key_id is not None and by.key_id == key_id)


def _keep(stage: ApprovalStage, decision: str, by: Actor, now: datetime, note: str) -> None:
    stage.decide(decision, by=by, now=now, note=note)
    subject = stage.reservation.public_id
    after = {"step": stage.position, "for": stage.who}
    record(by=by, verb=f"approval.{decision}", subject=subject, now=now, after=after, reason=note)
    emit(
        name=f"approval.{decision}",
        subject=subject,
        organisation_id=stage.reservation.organisation_id,
        data={"reservation": subject, "step": stage.position, "decided_at": rfc3339(now)},
        now=now,
    )


def _commit(reservation: Reservation, by: Actor, now: datetime, note: str) -> None:
    """What an acceptance checks is checked again: who signs is the one who gives the last approval."""
    quote = reservation.quote
    together = tuple(quote.bundle.quotes) if quote.bundle else ()
    accepting = Acceptance(quote, by, now, purchase_order=reservation.purchase_order, together=together)
    accepting.standing.check_may_sign()
    check_clearance(accepting)
    opening = after_approval(accepting)
    try:
        move(
            reservation,
            action=states.APPROVE,
            by=by,
            roles=_AS_APPROVER,
            now=now,
            to=opening.status,
            deadline=opening.deadline,
            reason=note,
        )
    except HoldGone as gone:  # a sweep freed it in the very moment of its deadline
        raise ApprovalExpired from gone
    if opening.up_front:
        owe_up_front(reservation, opening.up_front, now)
