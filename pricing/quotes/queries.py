from functools import lru_cache

from marketplace.catalogue.models import Accelerator, Pool, Site
from pricing.quotes.market import Fingerprint, fingerprint


def known_names() -> dict[str, frozenset[str]]:
    """What a need may name: accelerators, sites, jurisdictions and sellers that have something on sale."""
    return _names(fingerprint())


@lru_cache(maxsize=2)
def _names(of: Fingerprint) -> dict[str, frozenset[str]]:
    """Kept as long as the catalogue is the same."""
    sites = Site.objects.filter(pools__isnull=False).values_list("public_id", "jurisdiction")
    return {
        "accelerators": frozenset(Accelerator.objects.filter(pools__isnull=False).values_list("key", flat=True)),
        "sites": frozenset(site for site, _ in sites),
        "jurisdictions": frozenset(country for _, country in sites),
        "sellers": frozenset(Pool.objects.values_list("seller__public_id", flat=True)),
    }
