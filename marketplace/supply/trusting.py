"""Every provider's record: what its announcements are worth to a projection, and how it looks to the provider."""

from dataclasses import replace
from datetime import date

import numpy as np

from marketplace.supply.learning.trust import MARKET, ProviderRecord, Trust, record_of, trust
from marketplace.supply.learning.updating import learned_policy
from marketplace.supply.observing import forecast_moves, provider_announcements, slip_observations
from marketplace.supply.queries import BuildOut
from marketplace.supply.slips import DEFAULT_POLICY, ProjectionPolicy


def trusted(found: BuildOut, policy: ProjectionPolicy, today: date) -> BuildOut:
    """The build-out with the trust in each pool's provider. Whatever is projected, stored or previewed, starts here."""
    trusts = {seller: trust(policy, said) for seller, said in provider_announcements(today).items()}
    each = [trusts.get(pool.seller_id, MARKET) for pool in found.pools]
    pools = replace(
        found.world.pools,
        bias=np.array([one.bias for one in each], dtype=np.float64),
        spread=np.array([one.spread for one in each], dtype=np.float64),
    )
    return replace(found, world=replace(found.world, pools=pools))


def records(today: date) -> dict[int, tuple[ProviderRecord, Trust]]:
    """Of everybody whose first announced day has come."""
    policy = learned_policy(DEFAULT_POLICY, slip_observations(today)).policy
    said = provider_announcements(today)
    return {
        seller: (record_of(each, forecast_moves(seller)), trust(policy, each)) for seller, each in said.items() if each
    }


def record_and_trust(provider_id: int, today: date) -> tuple[ProviderRecord, Trust]:
    """What the provider announced against what came, and what that makes of its next announcements."""
    said = provider_announcements(today).get(provider_id, [])
    policy = learned_policy(DEFAULT_POLICY, slip_observations(today)).policy
    return record_of(said, forecast_moves(provider_id)), trust(policy, said)
