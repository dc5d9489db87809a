from marketplace.capacity import ledger
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from pricing.demand.actions import record_taken
from pricing.quotes.actions import lock_open_quote
from pricing.quotes.models import ACCEPTED
from reservations.booking.models import Reservation

AGREED = (
    "organisation_id", "pool_id", "firmness", "quantity", "start", "end", "total", "currency", "claim_id",
    "terms_digest",
)  # fmt: skip


def accept_quote(*, public_id: str, by: Actor, organisation_id: int) -> Reservation:
    """Makes a reservation of an open quote, at its price, once. Binding: this cannot be undone.

    Raises QuoteNotFound, QuoteExpired or QuoteClosed. Capacity always suffices: the hold becomes a commitment and no
    sum changes.
    """
    quote, now = lock_open_quote(public_id=public_id, organisation_id=organisation_id)
    ledger.commit_hold(claim_id=quote.claim_id, now=now)
    quote.status = ACCEPTED
    quote.save(update_fields=["status"])
    record_taken(quote=quote.public_id, now=now)
    reservation = Reservation.objects.create(
        quote=quote,
        accepted_by=by.label,
        accepted_by_user_id=by.user_id,
        accepted_by_key_id=by.key_id,
        accepted_at=now,
        **{name: getattr(quote, name) for name in AGREED},
    )
    _tell_of(reservation, by)
    return reservation


def _tell_of(reservation: Reservation, by: Actor) -> None:
    quote, now = reservation.quote, reservation.accepted_at
    record(by=by, verb="quote.accepted", subject=quote.public_id, now=now, after={"reservation": reservation.public_id})
    emit(
        name="quote.accepted",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        data={"quote": quote.public_id, "reservation": reservation.public_id, "total": reservation.money.as_json()},
        now=now,
    )
