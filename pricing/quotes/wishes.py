"""Which wishes of a need a pool does not meet: the one rule behind search, refusals and relaxations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from marketplace.catalogue.models import Pool
from pricing.quotes.need import Need

PLACE = ("sites", "jurisdictions", "sellers")
SERVICE = "service."  # service.delivery is the wish for that field
Documents = Mapping[int, Mapping[str, Any]]  # service specs by pool


def unmet(need: Need, pool: Pool, documents: Documents) -> frozenset[str]:
    """The wishes that exclude the pool: accelerators, sites, jurisdictions, sellers, service.<field>."""
    has = {
        "accelerators": pool.accelerator.key,
        "sites": pool.site.public_id,
        "jurisdictions": pool.site.jurisdiction,
        "sellers": pool.seller.public_id,
    }
    named = {name for name, value in has.items() if getattr(need, name) and value not in getattr(need, name)}
    document = documents.get(pool.pk, {})
    return frozenset(named | {SERVICE + wish.field for wish in need.service if not wish.met_by(document)})


def rows_that_meet(need: Need, pools: Sequence[Pool], documents: Documents) -> list[int]:
    """The places of the pools that no wish excludes."""
    if not wishes_of(need):
        return list(range(len(pools)))
    return [row for row, pool in enumerate(pools) if not unmet(need, pool, documents)]


def wishes_of(need: Need) -> list[str]:
    """The wishes for a pool that the need has."""
    named = [name for name in ("accelerators", *PLACE) if getattr(need, name)]
    return [*named, *(SERVICE + wish.field for wish in need.service)]


def without(need: Need, wishes: Iterable[str]) -> Need:
    """The same need with those wishes dropped."""
    dropped = set(wishes)
    service = tuple(wish for wish in need.service if SERVICE + wish.field not in dropped)
    dropped_names: dict[str, Any] = {name: () for name in dropped if not name.startswith(SERVICE)}
    return replace(need, service=service, **dropped_names)
