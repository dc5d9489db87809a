"""Pricing's failures as problems. Importing this file registers them."""

from math import ceil

from marketplace.api.problems import Problem, error, explain
from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.units import clock
from marketplace.units.instants import rfc3339
from marketplace.units.money import Money
from marketplace.web import formats
from pricing.api.shapes import BindingShape, BundleOfferShape, OfferShape
from pricing.curve.queries import NoPrice
from pricing.negotiation import actions as negotiation
from pricing.negotiation.counters import BadCounter
from pricing.quotes import actions, long_holds
from pricing.quotes.bundling import BundlePriceChanged
from pricing.quotes.holds import HoldCooldown, HoldLimit
from pricing.quotes.in_force import MarketStale
from pricing.quotes.need import BadNeed
from pricing.quotes.offers import OfferInvalid
from pricing.quotes.refusals import Refusal
from pricing.quotes.together import RefusedTogether

STALE_RETRY_SECONDS = 60


class NothingThere(Exception):
    """The block of an offer no longer fits; `refusal` has what does."""

    def __init__(self, refusal: Refusal | RefusedTogether) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


@explain.register(BadNeed)
@explain.register(BadCounter)
def _(failure: BadNeed | BadCounter) -> Problem:
    return Problem("invalid", errors=[error(fault.pointer, fault.code, fault.message) for fault in failure.faults])


@explain.register
def _(failure: OfferInvalid) -> Problem:
    return Problem("offer_invalid", errors=[error("/offer", "offer_invalid", "Send the id of an offer made to you.")])


@explain.register
def _(failure: actions.OfferExpired) -> Problem:
    return Problem("offer_expired")


def _dearer(total: Money) -> str:
    return f"It costs {formats.money(total.amount)} now, more than it was offered for. Nothing was done."


@explain.register
def _(failure: actions.PriceChanged) -> Problem:
    return Problem("price_changed", _dearer(failure.offer.total), more={"offer": OfferShape(failure.offer).data})


@explain.register
def _(failure: BundlePriceChanged) -> Problem:
    return Problem("price_changed", _dearer(failure.offer.total), more={"offer": BundleOfferShape(failure.offer).data})


@explain.register
def _(failure: actions.PartOfBundle) -> Problem:
    return Problem("part_of_bundle", str(failure), more={"bundle": failure.bundle})


@explain.register
def _(failure: NothingThere) -> Problem:
    part = {"part": failure.refusal.part} if isinstance(failure.refusal, RefusedTogether) else {}
    return Problem(
        "insufficient_headroom",
        str(failure),
        more={
            **part,
            "nearest": [asked.as_json() for asked in failure.refusal.nearest],
            "binding": BindingShape(failure.refusal.binding).data,
        },
    )


@explain.register
def _(failure: InsufficientHeadroom) -> Problem:
    return Problem("insufficient_headroom", more={"nearest": []})


@explain.register(MarketStale)
@explain.register(NoPrice)
def _(failure: Exception) -> Problem:
    return Problem("prices_stale", retry_after=STALE_RETRY_SECONDS)


@explain.register(negotiation.NegotiationNotFound)
@explain.register(actions.QuoteNotFound)
def _(failure: Exception) -> Problem:
    return Problem("not_found")


@explain.register
def _(failure: actions.QuoteExpired) -> Problem:
    return Problem("quote_expired")


@explain.register
def _(failure: actions.QuoteClosed) -> Problem:
    return Problem(f"quote_{failure.status}")


@explain.register
def _(failure: HoldLimit) -> Problem:
    return Problem(
        "hold_limit",
        str(failure),
        more={
            "held_gpu_hours": failure.held,
            "limit_gpu_hours": failure.limit,
            "asked_gpu_hours": failure.asked,
            "fits": failure.fits,
            "release": [
                {"quote": each.quote, "gpu_hours": each.gpu_hours, "expires_at": rfc3339(each.expires_at)}
                for each in failure.release
            ],
        },
    )


@explain.register
def _(failure: HoldCooldown) -> Problem:
    seconds = ceil((failure.ends_at - clock.now()).total_seconds())
    return Problem(
        "hold_cooldown",
        str(failure),
        more={"ends_at": rfc3339(failure.ends_at), "lapses": failure.lapses},
        retry_after=max(seconds, 1),
    )


@explain.register
def _(failure: actions.ClientReferenceTaken) -> Problem:
    return Problem(
        "client_reference_taken", errors=[error("/client_reference", "taken", "Choose another, or leave it out.")]
    )


@explain.register
def _(failure: negotiation.NegotiationClosed) -> Problem:
    return Problem("negotiation_closed", str(failure), more={"state": failure.state})


@explain.register
def _(failure: negotiation.NotNegotiable) -> Problem:
    return Problem("not_negotiable", str(failure))


@explain.register
def _(failure: negotiation.WithSales) -> Problem:
    return Problem("with_sales", str(failure))


@explain.register
def _(failure: negotiation.NothingToInsist) -> Problem:
    return Problem("nothing_to_insist", str(failure))


@explain.register
def _(failure: negotiation.NothingAsked) -> Problem:
    return Problem("nothing_asked", str(failure))


@explain.register
def _(failure: negotiation.SentenceMissing) -> Problem:
    return Problem("invalid", errors=[error("/sentence", "required", str(failure))])


@explain.register
def _(failure: negotiation.TradeGone) -> Problem:
    return Problem("trade_gone", str(failure))


@explain.register
def _(failure: negotiation.TradeDearer) -> Problem:
    return Problem("trade_dearer", str(failure), more={"total": failure.total.as_json()})


@explain.register
def _(failure: negotiation.TooManySteps) -> Problem:
    return Problem("too_many_steps", str(failure))


@explain.register
def _(failure: long_holds.LongHoldUnavailable) -> Problem:
    return Problem("long_hold_unavailable", str(failure))


@explain.register
def _(failure: long_holds.LongHoldTooLong) -> Problem:
    return Problem("long_hold_too_long", str(failure), more={"most_days": failure.most_days})


@explain.register
def _(failure: long_holds.FeeChanged) -> Problem:
    return Problem("fee_changed", str(failure), more={"fee": failure.fee.as_json()})
