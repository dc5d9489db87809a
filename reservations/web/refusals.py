"""What people read when an action is refused: the sentence of the failure itself, or of its code. One place, for the
web and the admin; REST gives the same codes in `reservations/api/problems.py`."""

from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.change.change import Busy
from marketplace.web.errors import CODES
from pricing.curve.queries import NoPrice
from pricing.quotes.actions import QuoteClosed, QuoteExpired
from pricing.quotes.holds import HoldCooldown, HoldLimit
from pricing.quotes.in_force import MarketStale
from reservations.booking import assigning, changed, changes, delivery, lifecycle, payments
from reservations.booking.actions import NOT_AUTHORISED
from reservations.booking.plans import WrongWish

# Failures that carry no sentence of their own say what their code means.
BY_CODE: dict[type[Exception], str] = {
    QuoteExpired: "quote_expired",
    InsufficientHeadroom: "insufficient_headroom",
    MarketStale: "prices_stale",
    NoPrice: "prices_stale",
    Busy: "busy",
}
REFUSALS: tuple[type[Exception], ...] = (
    *BY_CODE,
    QuoteClosed,
    HoldLimit,
    HoldCooldown,
    *NOT_AUTHORISED,
    WrongWish,
    lifecycle.NotInThisState,
    lifecycle.NotYourRole,
    lifecycle.TransitionReasonMissing,
    changes.Locked,
    changes.NoticeTooShort,
    changes.CauseNeedsStaff,
    changes.EvidenceMissing,
    changed.SecondPersonNeeded,
    changed.ChangeStale,
    assigning.AssignmentClosed,
    assigning.AssignmentOpen,
    assigning.DuesOpen,
    assigning.ReceiverUnknown,
    assigning.GroundsUnknown,
    assigning.ConsentReasonMissing,
    delivery.HandoverTooEarly,
    payments.AmountNotPositive,
    payments.BankReferenceTaken,
    payments.WrongCurrency,
)


def sentence(failure: Exception) -> str:
    """What was wrong, and what would be right."""
    code = next((code for kind, code in BY_CODE.items() if isinstance(failure, kind)), None)
    return CODES[code].meaning if code else str(failure)
