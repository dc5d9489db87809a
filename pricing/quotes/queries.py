from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property, lru_cache

from marketplace.catalogue.models import Accelerator, Pool, Site
from marketplace.supply.disclosing import Disclosed, disclosed
from pricing.quotes.market import Fingerprint, fingerprint
from pricing.quotes.models import ACCEPTED, Quote


class KnownNames(Mapping[str, frozenset[str]]):
    """What a need may name: accelerators, sites, jurisdictions and sellers that have something on sale. Looked up when
    it is first asked for: a need that names nothing does not ask."""

    @cached_property
    def _found(self) -> dict[str, frozenset[str]]:
        return _names(fingerprint())

    def __getitem__(self, name: str) -> frozenset[str]:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def known_names() -> KnownNames:
    return KnownNames()


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


def disclosed_to(organisation_id: int, now: datetime) -> Disclosed:
    """What providers let this organisation see; it holds something in a pool where it has bought a block that is not
    over yet."""

    def held() -> list[int]:
        bought = Quote.objects.filter(organisation_id=organisation_id, status=ACCEPTED, end__gt=now.date())
        return list(bought.order_by().values_list("pool_id", flat=True).distinct())

    return disclosed(held=held, now=now)
