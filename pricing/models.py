"""Every model of the package in one place, for Django; the rooms define them."""

from pricing.curve.models import BuildSignal, PoolCurve, PricePolicy, PriceVersion, Tape, TapePool
from pricing.demand.models import DemandForecast, Enquiry, PoolDemand
from pricing.negotiation.margins import NegotiationPolicy, SalesLimit
from pricing.negotiation.models import Negotiation, Step
from pricing.quotes.accounts import HoldAccount
from pricing.quotes.bundles import Bundle
from pricing.quotes.contracts import ContractPolicy
from pricing.quotes.models import Quote, TermsDocument

__all__ = [
    "BuildSignal",
    "Bundle",
    "ContractPolicy",
    "DemandForecast",
    "Enquiry",
    "HoldAccount",
    "Negotiation",
    "NegotiationPolicy",
    "PoolCurve",
    "PoolDemand",
    "PricePolicy",
    "PriceVersion",
    "Quote",
    "SalesLimit",
    "Step",
    "Tape",
    "TapePool",
    "TermsDocument",
]
