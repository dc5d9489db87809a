"""Where a block may be served instead: what its buyer named, what screening permits, and what is equal or better."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool, ServiceSpec
from marketplace.catalogue.service import ServiceWish, is_equal_or_better, read_wishes
from marketplace.screening.queries import Party, clear
from pricing.demand.models import QUOTE, Enquiry


@dataclass(frozen=True)
class Wish:
    """What a buyer named when it bought; None where it named nothing and so bought what it bought."""

    accelerators: frozenset[str]
    sites: frozenset[str]
    jurisdictions: frozenset[str]
    sellers: frozenset[str]
    service: tuple[ServiceWish, ...]
    divisible: bool


def wishes_of(rows: Sequence[dict[str, Any]]) -> dict[str, Wish]:
    """By quote, what was named in the need that led to it; nothing for a quote that answered none."""
    quotes = [row["quote__public_id"] for row in rows]
    asked = Enquiry.objects.filter(quote__in=quotes).exclude(source=QUOTE)
    found = {}
    for quote, need in asked.values_list("quote", "need"):
        assert quote is not None
        named = {name: frozenset(need.get(name, ())) for name in ("accelerators", "sites", "jurisdictions", "sellers")}
        service, _ = read_wishes(need.get("service", {}))
        found[quote] = Wish(**named, service=service, divisible=bool(need.get("divisible", False)))
    return found


def allowed_pools(
    rows: Sequence[dict[str, Any]], wishes: dict[str, Wish], pools: Sequence[Pool], now: datetime
) -> NDArray[np.bool_]:
    """(n, pools): its own pool; and others that the buyer's wish and screening permit and that are equal or better."""
    place = {pool.pk: at for at, pool in enumerate(pools)}
    specs = _newest_specs(pools)
    bought = dict(
        ServiceSpec.objects.filter(pk__in={row["quote__spec_id"] for row in rows}).values_list("pk", "document")
    )
    known: dict[Any, NDArray[np.bool_]] = {}
    found = np.zeros((len(rows), len(pools)), dtype=bool)
    for at, row in enumerate(rows):
        own, wish = pools[place[row["pool_id"]]], wishes.get(row["quote__public_id"])
        key = (row["quote__spec_id"], own.pk, wish)
        if key not in known:
            document = bought[row["quote__spec_id"]]
            known[key] = np.array([_may_stand_in(own, each, document, specs.get(each.pk, {}), wish) for each in pools])
        found[at] = known[key]
    found &= _cleared(rows, found, pools, now)
    found[np.arange(len(rows)), [place[row["pool_id"]] for row in rows]] = True
    return found


def _newest_specs(pools: Sequence[Pool]) -> dict[int, dict[str, Any]]:
    rows = ServiceSpec.objects.filter(pool__in=pools).order_by("pool_id", "-version").distinct("pool_id")
    return dict(rows.values_list("pool_id", "document"))


def _may_stand_in(own: Pool, other: Pool, bought: dict[str, Any], offered: dict[str, Any], wish: Wish | None) -> bool:
    """Whether a pool is within what the buyer named and equal or better, field by field. A buyer who named nothing
    bought its seller, jurisdiction and accelerator; another accelerator must be one that was named."""
    named = wish or Wish(
        frozenset({own.accelerator.key}), frozenset(), frozenset({own.site.jurisdiction}),
        frozenset({own.seller.public_id}), (), False,
    )  # fmt: skip
    within = (
        other.accelerator_id == own.accelerator_id or other.accelerator.key in named.accelerators,
        not named.accelerators or other.accelerator.key in named.accelerators,
        not named.sites or other.site.public_id in named.sites,
        not named.jurisdictions or other.site.jurisdiction in named.jurisdictions,
        not named.sellers or other.seller.public_id in named.sellers,
        other.fabric == own.fabric,
        other.accelerator.memory_gb >= own.accelerator.memory_gb,
        other.accelerator.bf16_tflops >= own.accelerator.bf16_tflops,
    )
    return all(within) and is_equal_or_better(bought, offered) and all(each.met_by(offered) for each in named.service)


def _cleared(
    rows: Sequence[dict[str, Any]], allowed: NDArray[np.bool_], pools: Sequence[Pool], now: datetime
) -> NDArray[np.bool_]:
    """(n, pools) whether screening permits it; each party and pool is asked about once."""
    party = [(row["organisation_id"], row["quote__on_behalf_of_id"]) for row in rows]
    deals = sorted(
        {(party[at][0], pools[pool].pk, party[at][1] or 0) for at, pool in zip(*np.nonzero(allowed), strict=True)}
    )
    answers = clear([Party(buyer, pool, customer or None) for buyer, pool, customer in deals], now=now)
    yes = {deal for deal, is_clear in zip(deals, answers, strict=True) if is_clear}
    found = np.zeros_like(allowed)
    for at, pool in zip(*np.nonzero(allowed), strict=True):
        found[at, pool] = (party[at][0], pools[pool].pk, party[at][1] or 0) in yes
    return found
