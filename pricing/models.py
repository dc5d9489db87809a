"""Every model of the package in one place, for Django; the rooms define them."""

from pricing.curve.models import PoolCurve, PricePolicy, PriceVersion, Tape, TapePool
from pricing.demand.models import Enquiry
from pricing.quotes.models import Quote, TermsDocument

__all__ = [
    "Enquiry",
    "PoolCurve",
    "PricePolicy",
    "PriceVersion",
    "Quote",
    "Tape",
    "TapePool",
    "TermsDocument",
]
