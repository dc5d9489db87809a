"""The cockpit's pages for the ground floor. Django looks for a module named `admin`, so this one gathers the pages."""

from marketplace.admin import (
    authority,
    catalogue,
    disruptions,
    parties,
    promises,
    providers,
    records,
    screening,
    supply,
    webhooks,
)

__all__ = [
    "authority",
    "catalogue",
    "disruptions",
    "parties",
    "promises",
    "providers",
    "records",
    "screening",
    "supply",
    "webhooks",
]
