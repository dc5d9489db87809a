"""Accepting a quote: one pipeline, each step a small function, in the lock order of docs/locking.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from marketplace.capacity import ledger
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import telling
from marketplace.parties.budgets import CostCentreNeeded, OverBudget, reserve, spend
from marketplace.parties.chains import Step
from marketplace.parties.signing import NoAgreement, NoAuthority, Standing
from marketplace.screening.purchases import purchase_standing
from marketplace.screening.queries import Party, ScreeningRequired
from marketplace.units.money import Money
from marketplace.units.prepared import planned_once
from marketplace.units.writes import Write, insert
from pricing.negotiation.actions import settle
from pricing.quotes.actions import QuoteExpired, accepted, lock_open_quote
from pricing.quotes.models import BUY, Quote
from reservations.booking.approvals import ApprovalStage
from reservations.booking.calling import call_at
from reservations.booking.change_authority import ApprovalNeeded
from reservations.booking.changed import accept_change
from reservations.booking.dues import UpFront, owe_up_front, up_front_of
from reservations.booking.long_holds import credit_long_hold
from reservations.booking.models import Reservation, new_reservation_id
from reservations.booking.ordering import parties_of
from reservations.booking.states import PENDING, PENDING_APPROVAL, PENDING_PAYMENT, SCHEDULED, midnight

# What the organisation's own rules may refuse; each says its sentence, the same through every door.
NOT_AUTHORISED = (NoAgreement, NoAuthority, OverBudget, CostCentreNeeded, ScreeningRequired, ApprovalNeeded)
AGREED = (
    "organisation_id", "pool_id", "firmness", "quantity", "start", "end", "total", "currency", "claim_id",
    "terms_digest",
)  # fmt: skip


@dataclass(frozen=True)
class Acceptance:
    """A quote that is locked and open, on its way to a reservation; what every step of the pipeline is given."""

    quote: Quote
    by: Actor
    now: datetime
    cost_centre: str | None = None
    purchase_order: str = ""
    public_id: str = field(default_factory=new_reservation_id)
    together: tuple[Quote, ...] = ()  # of a bundle: all of its parts, this one included

    @property
    def amount(self) -> Money:
        """What is agreed to with this acceptance: of a bundle the whole, which authority and approval look at."""
        quotes = self.together or (self.quote,)
        return Money(sum((quote.total for quote in quotes), Decimal(0)), self.quote.currency)

    @cached_property
    def asked(self) -> tuple[Standing, bool]:
        """How it stands with the organisation's own rules, and whether it is clear: one question for all checks."""
        quote = self.quote
        return purchase_standing(
            deal=Party(quote.organisation_id, quote.pool_id, quote.on_behalf_of_id),
            by=self.by,
            seller_id=quote.pool.seller_id,
            amount=self.amount,
            cost_centre=self.cost_centre,
            now=self.now,
        )

    @property
    def standing(self) -> Standing:
        return self.asked[0]

    @property
    def is_clear(self) -> bool:
        return self.asked[1]


@dataclass(frozen=True)
class Opening:
    """The first state of a reservation, with the deadline of a pending one and what is due up front."""

    status: str
    deadline: datetime | None = None
    up_front: UpFront | None = None


@planned_once()
def accept_quote(
    *,
    public_id: str,
    by: Actor,
    organisation_id: int,
    cost_centre: str | None = None,
    purchase_order: str = "",
) -> Reservation:
    """Makes a reservation of an open quote, or a change of one, at its price, once. Binding once it is approved.

    Raises QuoteNotFound, QuoteExpired, QuoteClosed or PartOfBundle; NoAgreement, NoAuthority or ScreeningRequired;
    CostCentreNeeded or OverBudget; and for a change what `accept_change` raises. Capacity always suffices: the hold
    becomes a commitment, or is kept for the approval, and no sum changes.
    """
    quote, now = lock_open_quote(public_id=public_id, organisation_id=organisation_id)
    if quote.kind != BUY:
        return accept_change(quote=quote, by=by)
    (reservation,) = accept_all([Acceptance(quote, by, now, cost_centre, purchase_order)])
    return reservation


def accept_all(accepting: Sequence[Acceptance]) -> list[Reservation]:
    """The pipeline, for one quote or for all parts of a bundle: every check before anything is written."""
    for each in accepting:
        for check in CHECKS:
            check(each)
    openings = _at_one_deadline([opening_of(each) for each in accepting])
    pairs = list(zip(accepting, openings, strict=True))
    for each, opening in pairs:
        charge_budget(each, opening)
    for each, opening in pairs:
        _keep_capacity(each, opening)
    return [_book(each, opening) for each, opening in pairs]


def _at_one_deadline(openings: Sequence[Opening]) -> list[Opening]:
    """What waits for approval together lapses together: at the earliest deadline of all."""
    waiting = [each.deadline for each in openings if each.status == PENDING_APPROVAL and each.deadline is not None]
    return [replace(each, deadline=min(waiting)) if each.status == PENDING_APPROVAL else each for each in openings]


def check_signature(accepting: Acceptance) -> None:
    """An agreement in force; and authority for the amount, of the one who binds: whoever approves last, if anybody."""
    if accepting.standing.steps:
        accepting.standing.check_agreement()
    else:
        accepting.standing.check_may_sign()


def check_clearance(accepting: Acceptance) -> None:
    """A quote may have been open while a list or the policy changed."""
    if not accepting.is_clear:
        raise ScreeningRequired


# What may refuse an acceptance, in this order: who may sign and for whom, screening. Each is a
# function of an Acceptance that raises an error named for the failure.
CHECKS: tuple[Callable[[Acceptance], None], ...] = (check_signature, check_clearance)


def opening_of(accepting: Acceptance) -> Opening:
    """Where the reservation starts: approval first, where a chain asks for it; then payment."""
    if not accepting.standing.steps:
        return after_approval(accepting)
    latest = accepting.now + timedelta(hours=accepting.standing.approval_hours)
    return Opening(PENDING_APPROVAL, min(latest, midnight(accepting.quote.start)))


def after_approval(accepting: Acceptance) -> Opening:
    """Where it goes once nobody has to approve it (any more): to payment, if something is due up front."""
    up_front = up_front_of(accepting.quote, accepting.now)
    return Opening(PENDING_PAYMENT, up_front.deadline, up_front) if up_front else Opening(SCHEDULED)


def charge_budget(accepting: Acceptance, opening: Opening) -> None:
    """Spends the cost centre's budget, or keeps it until the approval. Before the claim, by the lock order."""
    centre = accepting.standing.charged_to(accepting.cost_centre)
    if centre is None:
        return
    quote, now = accepting.quote, accepting.now
    if opening.status == PENDING_APPROVAL:
        assert opening.deadline is not None
        reserve(
            cost_centre=centre,
            holder=accepting.public_id,
            total=quote.money,
            block=quote.period,
            expires_at=opening.deadline,
            now=now,
        )
    else:
        spend(cost_centre=centre, holder=accepting.public_id, total=quote.money, block=quote.period, now=now)


def _keep_capacity(accepting: Acceptance, opening: Opening) -> None:
    """The hold becomes a commitment, or is kept until the deadline of the pending state. No sum changes."""
    quote, now = accepting.quote, accepting.now
    assert quote.claim_id is not None, "a quote to buy holds capacity"
    try:
        if opening.status in PENDING:
            assert opening.deadline is not None
            ledger.prolong_hold(claim_id=quote.claim_id, expires_at=opening.deadline, now=now)
        else:
            ledger.commit_hold(claim_id=quote.claim_id, now=now)
    except ledger.HoldGone as gone:  # a sweep freed it in the very moment of its expiry
        raise QuoteExpired from gone


def _book(accepting: Acceptance, opening: Opening) -> Reservation:
    quote, by, now = accepting.quote, accepting.by, accepting.now
    if quote.is_negotiated:
        settle(quote=quote, by=by, now=now)
    reservation = Reservation(
        public_id=accepting.public_id,
        quote=quote,
        status=opening.status,
        deadline=opening.deadline,
        handover=quote.contract_terms.handover,
        delivered_on=deemed_delivered_on(quote),
        accepted_by=by.label,
        accepted_by_user_id=by.user_id,
        accepted_by_key_id=by.key_id,
        accepted_at=now,
        cost_centre=accepting.standing.charged_to(accepting.cost_centre),
        purchase_order=accepting.purchase_order,
        parties=parties_of(quote),
        **{name: getattr(quote, name) for name in AGREED},
    )
    reservation.next_at = reservation.schedule.due_at(opening.status)
    reservation.call_at = call_at(quote, quote.end)
    insert(reservation, *accepted(quote=quote, now=now), *_telling_of(reservation, by))
    credit_long_hold(reservation, now)
    if opening.status == PENDING_APPROVAL:
        ask_for_approval(reservation, accepting.standing.steps)
    if opening.up_front:
        owe_up_front(reservation, opening.up_front, now)
    return reservation


def ask_for_approval(reservation: Reservation, steps: Sequence[Step]) -> None:
    """Freezes the chain's steps on the request."""
    ApprovalStage.objects.bulk_create(
        ApprovalStage(reservation=reservation, position=number, role=step.role, user_id=step.user_id)
        for number, step in enumerate(steps, start=1)
    )


def deemed_delivered_on(quote: Quote) -> date | None:
    """The day on which delivery is deemed accepted where the clock hands over; else there is none before hand-over."""
    if quote.contract_terms.by_provider:
        return None
    return min(quote.start + timedelta(days=quote.contract_terms.acceptance_days), quote.end)


def _telling_of(reservation: Reservation, by: Actor) -> tuple[Write, ...]:
    quote, now = reservation.quote, reservation.accepted_at
    return telling(
        by=by,
        name="quote.accepted",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        after={"reservation": reservation.public_id},
        data={
            "quote": quote.public_id,
            "reservation": reservation.public_id,
            "status": reservation.status,
            "total": reservation.money.as_json(),
        },
        now=now,
    )
