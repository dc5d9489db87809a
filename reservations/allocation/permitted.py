"""Where a block may be served instead: what its buyer named, what screening permits, and what is equal or better."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool, ServiceSpec
from marketplace.catalogue.service import ServiceWish, compared, equal_or_better, read_wishes
from marketplace.screening.queries import Party, clear
from pricing.demand.models import QUOTE, Enquiry
from reservations.allocation.bounds import ReservationBounds


@dataclass(frozen=True)
class Wish:
    """What a buyer named in the need that led to its quote. Bounds may widen or narrow it later; both bind."""

    accelerators: frozenset[str]
    sites: frozenset[str]
    jurisdictions: frozenset[str]
    sellers: frozenset[str]
    service: tuple[ServiceWish, ...]
    divisible: bool

    def permits(self, pool: Pool, offered: dict[str, Any]) -> bool:
        """An empty set is "any", as in a search."""
        named = (
            (self.accelerators, pool.accelerator.key),
            (self.sites, pool.site.public_id),
            (self.jurisdictions, pool.site.jurisdiction),
            (self.sellers, pool.seller.public_id),
        )
        within = all(not names or name in names for names, name in named)
        return within and all(each.met_by(offered) for each in self.service)


@dataclass(frozen=True)
class Bounds:
    """What a reservation's holder allows, as `bounds.ReservationBounds` says it; hashable, and without the row."""

    sites: frozenset[str]
    jurisdictions: frozenset[str]
    sellers: frozenset[str]
    accelerators: frozenset[str]


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
    specs, bounds = _newest_specs(pools), _bounds(rows)
    wanted = {row["quote__spec_id"] for row in rows}
    bought = dict(ServiceSpec.objects.filter(pk__in=wanted).values_list("pk", "document"))
    known: dict[Any, NDArray[np.bool_]] = {}
    found = np.zeros((len(rows), len(pools)), dtype=bool)
    for at, row in enumerate(rows):
        agreed = pools[place[row["quote__pool_id"]]]
        allows, wish = bounds.get(row["pk"]) or _usual(agreed), wishes.get(row["quote__public_id"])
        key = (row["quote__spec_id"], agreed.pk, allows, wish)
        if key not in known:
            document = bought[row["quote__spec_id"]]
            known[key] = np.array(
                [_may_stand_in(agreed, each, document, specs.get(each.pk, {}), allows, wish) for each in pools]
            )
        # What has begun stays where it runs.
        found[at] = known[key] & (row["start"] > now.date())
    found &= _cleared(rows, found, pools, now)
    found[np.arange(len(rows)), [place[row["pool_id"]] for row in rows]] = True
    return found


def _bounds(rows: Sequence[dict[str, Any]]) -> dict[int, Bounds]:
    said = ReservationBounds.objects.filter(reservation__in=[row["pk"] for row in rows])
    names = ("sites", "jurisdictions", "sellers", "accelerators")
    return {pk: Bounds(*map(frozenset, named)) for pk, *named in said.values_list("reservation_id", *names)}


def _usual(agreed: Pool) -> Bounds:
    """Without a word: the accelerator, the law and the seller that the contract names, on any site of theirs."""
    law, seller = agreed.site.jurisdiction, agreed.seller.public_id
    return Bounds(frozenset(), frozenset({law}), frozenset({seller}), frozenset({agreed.accelerator.key}))


def _newest_specs(pools: Sequence[Pool]) -> dict[int, dict[str, Any]]:
    rows = ServiceSpec.objects.filter(pool__in=pools).order_by("pool_id", "-version").distinct("pool_id")
    return dict(rows.values_list("pool_id", "document"))


def _may_stand_in(
    own: Pool, other: Pool, bought: dict[str, Any], offered: dict[str, Any], bounds: Bounds, wish: Wish | None
) -> bool:
    """Whether a pool is within what the holder allows and the need named, and equal or better, field by field."""
    within = (
        not bounds.sites or other.site.public_id in bounds.sites,
        other.site.jurisdiction in bounds.jurisdictions,
        other.seller.public_id in bounds.sellers,
        other.accelerator.key in bounds.accelerators,
        other.fabric == own.fabric,
        other.accelerator.memory_gb >= own.accelerator.memory_gb,
        other.accelerator.bf16_tflops >= own.accelerator.bf16_tflops,
    )
    if not all(within) or not equal_or_better(compared(bought, offered)):
        return False
    return wish is None or wish.permits(other, offered)


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
