"""Accepting for a customer: staff commit somebody else's money, so the journal must say who agreed to it."""

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.units import clock
from pricing.quotes.long_holds import LongHold
from reservations.booking.actions import accept_quote
from reservations.booking.bundles import accept_bundle
from reservations.booking.long_holds import take_long_hold
from reservations.booking.models import Reservation

SHORTEST_REASON = 10


class ReasonMissing(ValueError):
    """Nothing was accepted: it has to be said who at the customer agreed, and how."""


def accept_for_customer(
    *,
    public_id: str,
    by: Actor,
    organisation_id: int,
    reason: str,
    cost_centre: str | None = None,
    purchase_order: str = "",
) -> Reservation:
    """Accepts a customer's quote in their name. Binding; `reason` says who at the customer agreed.

    Their own rules hold: somebody there has authority for the amount, a budget pays, and a chain is asked.

    Raises ReasonMissing, and all that `accept_quote` raises.
    """
    said = _said(reason)
    reservation = accept_quote(
        public_id=public_id,
        by=by,
        organisation_id=organisation_id,
        cost_centre=cost_centre,
        purchase_order=purchase_order,
    )
    record(
        by=by,
        verb="quote.accepted_for_customer",
        subject=public_id,
        now=clock.now(),
        after={"reservation": reservation.public_id},
        reason=said,
    )
    return reservation


def hold_longer_for_customer(*, public_id: str, days: int, by: Actor, organisation_id: int, reason: str) -> LongHold:
    """Keeps a customer's quote for days more, at a fee that they will owe; `reason` says who there agreed to it.

    Raises ReasonMissing, and all that `take_long_hold` raises.
    """
    said = _said(reason)
    found = take_long_hold(public_id=public_id, days=days, by=by, organisation_id=organisation_id)
    record(
        by=by,
        verb="quote.held_longer_for_customer",
        subject=public_id,
        now=clock.now(),
        after={"days": found.days, "fee": found.fee.as_json()},
        reason=said,
    )
    return found


def accept_bundle_for_customer(
    *,
    public_id: str,
    by: Actor,
    organisation_id: int,
    reason: str,
    cost_centre: str | None = None,
    purchase_order: str = "",
) -> list[Reservation]:
    """The same for a bundle, all or none. Raises ReasonMissing, and all that `accept_bundle` raises."""
    said = _said(reason)
    made = accept_bundle(
        public_id=public_id,
        by=by,
        organisation_id=organisation_id,
        cost_centre=cost_centre,
        purchase_order=purchase_order,
    )
    record(
        by=by,
        verb="bundle.accepted_for_customer",
        subject=public_id,
        now=made[0].accepted_at,
        after={"reservations": [each.public_id for each in made]},
        reason=said,
    )
    return made


def _said(reason: str) -> str:
    said = reason.strip()
    if len(said) < SHORTEST_REASON:
        raise ReasonMissing("Say who at the customer agreed, and how: a name, and a call, a mail or an order number.")
    return said
