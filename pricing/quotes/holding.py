"""A hold that is kept for longer: by whoever may decide so, under the lock of its quote."""

from datetime import datetime

from marketplace.capacity import ledger
from pricing.quotes.actions import QuoteExpired
from pricing.quotes.models import Quote


def prolong(*, quote: Quote, until: datetime, now: datetime, **more: object) -> None:
    """Keeps an open quote, which the caller has locked, until then, if that is later; `more` are saved with it.

    Raises QuoteExpired where the ledger has given its hold back already.
    """
    if until <= quote.expires_at:
        return
    assert quote.claim_id is not None, "a quote to buy holds capacity"
    try:
        ledger.prolong_hold(claim_id=quote.claim_id, expires_at=until, now=now)
    except ledger.HoldGone as gone:
        raise QuoteExpired from gone
    quote.expires_at = until
    for name, value in more.items():
        setattr(quote, name, value)
    quote.save(update_fields=["expires_at", *more])
