"""What fits instead of an offer that somebody else was faster to take."""

from datetime import datetime

from marketplace.catalogue.models import Pool
from pricing.quotes.need import Need, Range
from pricing.quotes.offers import read_token
from pricing.quotes.refusals import Refusal, refusal


def instead_of(*, offer: str, organisation_id: int, now: datetime) -> Refusal:
    """The refusal of just that block, with the nearest needs that do fit. Nothing is held or changed."""
    terms = read_token(offer, organisation_id=organisation_id)
    pool = Pool.objects.get(public_id=terms.pool)
    need = Need(
        quantity=Range(terms.quantity, terms.quantity),
        duration=Range(terms.period.days, terms.period.days),
        start_from=terms.period.start,
        start_to=terms.period.start,
        firmness=terms.firmness,
        accelerators=(pool.accelerator.key,),
        sites=(pool.site.public_id,),
        prepayment=terms.prepayment,
    )
    return refusal(need, now)
