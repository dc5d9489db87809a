"""What is in force now: pools with their prices, policies and the projection. Kept in this process, and read again as
soon as any row behind it is another one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from marketplace.catalogue.models import Pool
from marketplace.catalogue.queries import service_documents
from marketplace.supply.models import Projection
from marketplace.units.prepared import fetch_one
from pricing.curve.models import PricePolicy
from pricing.curve.queries import PoolPrices, pool_prices
from pricing.quotes.contracts import ContractPolicy

MARKETS_KEPT = 2

Fingerprint = tuple[Any, ...]

# What is never edited is named by its id (projections, price versions, service specs); of every other row the place
# and the transaction that wrote it tell its versions apart (ctid, xmin).
FINGERPRINT = """
        (SELECT id FROM marketplace_projection WHERE published_at IS NOT NULL ORDER BY id DESC LIMIT 1),
        (SELECT string_agg(newest.id::text, ',' ORDER BY newest.id)
         FROM (SELECT DISTINCT seller_id FROM marketplace_pool) AS sellers, LATERAL (
            SELECT id FROM pricing_priceversion WHERE seller_id = sellers.seller_id ORDER BY id DESC LIMIT 1
         ) AS newest),
        (SELECT string_agg(concat_ws(' ', p.id, p.ctid, p.xmin, s.ctid, s.xmin, a.ctid, a.xmin, o.ctid, o.xmin), ','
            ORDER BY p.id)
         FROM marketplace_pool p JOIN marketplace_site s ON s.id = p.site_id
            JOIN marketplace_accelerator a ON a.id = p.accelerator_id
            JOIN marketplace_organisation o ON o.id = p.seller_id),
        (SELECT string_agg(concat_ws(' ', id, ctid, xmin), ',' ORDER BY id) FROM pricing_pricepolicy),
        (SELECT concat_ws(' ', count(*), max(id)) FROM marketplace_servicespec),
        (SELECT max(id) FROM pricing_contractpolicy)
"""


@dataclass(frozen=True, eq=False)
class Market:
    """Pools that have prices, by name, with their prices; every policy; and the projection behind the limits."""

    pools: tuple[Pool, ...]
    prices: tuple[PoolPrices, ...]
    policies: tuple[PricePolicy, ...]
    contracts: tuple[ContractPolicy, ...]
    projection: Projection | None
    documents: Mapping[int, Mapping[str, Any]]  # service specs by pool

    def policy_of_each_seller(self, now: datetime) -> dict[int, PricePolicy]:
        """Seller -> its latest policy that has started, else the market's default."""
        started = {policy.seller_id: policy for policy in self.policies if policy.starts_at <= now}
        sellers = {pool.seller_id for pool in self.pools}
        if None not in started and sellers - set(started):
            raise PricePolicy.DoesNotExist("No default price policy has started yet.")
        return {seller_id: started.get(seller_id) or started[None] for seller_id in sellers}

    def turnaround_of_each_seller(self, now: datetime) -> dict[int | None, int]:
        """Seller -> turnaround days, None -> those of the market; a seller that is not in it has the market's."""
        return {each.seller_id: each.turnaround_days for each in self.contracts if each.starts_at <= now}


def fingerprint() -> Fingerprint:
    """One cheap query: equal as long as nothing in the catalogue, no policy, projection or price version changed."""
    return fetch_one(f"SELECT {FINGERPRINT}", {})


def current_market() -> Market:
    return market_of(fingerprint())


@lru_cache(maxsize=MARKETS_KEPT)
def market_of(seen: Fingerprint) -> Market:
    # A row that changes between the fingerprint and these reads is newer than asked for, and has another fingerprint.
    projection_id, versions = seen[:2]
    prices = pool_prices(int(number) for number in (versions or "").split(",") if number)
    pools = tuple(pool for pool in Pool.objects.select_related("seller", "site", "accelerator") if pool.pk in prices)
    return Market(
        pools,
        tuple(prices[pool.pk] for pool in pools),
        tuple(PricePolicy.objects.order_by("seller_id", "version")),
        tuple(ContractPolicy.objects.order_by("seller_id", "version")),
        Projection.objects.defer("inputs").filter(pk=projection_id).first(),
        service_documents(),
    )
