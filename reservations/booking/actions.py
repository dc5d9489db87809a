from marketplace.capacity import ledger
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from pricing.quotes.actions import lock_open_quote
from pricing.quotes.models import ACCEPTED
from reservations.booking.models import Reservation


def accept_quote(*, public_id: str, by: Actor, organisation_id: int) -> Reservation:
    """Makes a reservation of an open quote, at its price, once. Binding: this cannot be undone.

    Raises QuoteNotFound, QuoteExpired or QuoteClosed. Capacity always suffices: the hold becomes a commitment and no
    sum changes.
    """
    quote, now = lock_open_quote(public_id=public_id, organisation_id=organisation_id)
    ledger.commit_hold(claim_id=quote.claim_id, now=now)
    quote.status = ACCEPTED
    quote.save(update_fields=["status"])
    reservation = Reservation.objects.create(
        quote=quote,
        organisation_id=quote.organisation_id,
        pool_id=quote.pool_id,
        firmness=quote.firmness,
        quantity=quote.quantity,
        start=quote.start,
        end=quote.end,
        total=quote.total,
        currency=quote.currency,
        claim_id=quote.claim_id,
        accepted_by=by.label,
        accepted_by_user_id=by.user_id,
        accepted_by_key_id=by.key_id,
        accepted_at=now,
        terms_digest=quote.terms_digest,
    )
    record(
        by=by,
        verb="quote.accepted",
        subject=quote.public_id,
        now=now,
        after={"reservation": reservation.public_id},
    )
    emit(
        name="quote.accepted",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        data={
            "quote": quote.public_id,
            "reservation": reservation.public_id,
            "total": reservation.money.as_json(),
        },
        now=now,
    )
    return reservation
