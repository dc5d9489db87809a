"""Accepting a bundle: all of its parts in one transaction, or none."""

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from pricing.quotes.bundles import Bundle
from pricing.quotes.bundling import in_claim_order, lock_open_bundle
from reservations.booking.actions import Acceptance, accept_all
from reservations.booking.models import Reservation


def accept_bundle(
    *,
    public_id: str,
    by: Actor,
    organisation_id: int,
    cost_centre: str | None = None,
    purchase_order: str = "",
) -> list[Reservation]:
    """Makes a reservation of every part of an open bundle, at its price, once; in the order of its parts. Binding.

    Raises BundleNotFound, QuoteExpired or QuoteClosed, and all that `accept_quote` raises of what it may cost. What may
    be refused looks at the whole amount, and a refusal of one part refuses all.
    """
    bundle, quotes, now = lock_open_bundle(public_id=public_id, organisation_id=organisation_id)
    parts = in_claim_order(quotes)
    made = accept_all(
        [Acceptance(quote, by, now, cost_centre, purchase_order, together=tuple(parts)) for quote in parts]
    )
    _tell_of(bundle, made, by)
    return sorted(made, key=lambda reservation: reservation.quote.bundle_part or 0)


def _tell_of(bundle: Bundle, made: list[Reservation], by: Actor) -> None:
    now, ids = made[0].accepted_at, [reservation.public_id for reservation in made]
    record(by=by, verb="bundle.accepted", subject=bundle.public_id, now=now, after={"reservations": ids})
    emit(
        name="bundle.accepted",
        subject=bundle.public_id,
        organisation_id=bundle.organisation_id,
        data={"bundle": bundle.public_id, "reservations": ids, "total": bundle.money.as_json()},
        now=now,
    )
