"""Build signals of a seller: worked out for each of its price versions, stored, and shown to it alone."""

from decimal import Decimal

import numpy as np

from marketplace.supply.queries import BuildOut, build_out
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import Floats
from pricing.curve.constants import stored_constants
from pricing.curve.models import BuildSignal, PoolCurve, PriceVersion
from pricing.curve.queries import current_versions
from pricing.curve.signals import Scene, Signal, signals

SCENARIOS = 2_000  # the first of the projection's: a signal is a mean, and ranks
CENT = Decimal("0.01")


def versions_without_signals() -> list[int]:
    """Sellers' newest price versions whose signals have not been worked out."""
    newest = list(current_versions().values())
    done = set(BuildSignal.objects.filter(version_id__in=newest).values_list("version_id", flat=True))
    return [version_id for version_id in newest if version_id not in done]


def work_out_signals(*, version_id: int) -> int:
    """Stores what building would be worth to the version's seller; how many projects have a signal.

    Only the seller's own bid prices count: what its MW would bring to another seller of the same site is not its gain,
    and not its to know. Two sweeps at once write the same rows once.
    """
    version = PriceVersion.objects.select_related("projection").select_for_update(of=("self",)).get(pk=version_id)
    if version.signals.exists():
        return 0
    found = build_out(version.projection.first_day)
    own = [place for place, project in enumerate(found.projects) if _is_open(found, version, place)]
    if not own:
        return 0
    policy = ProjectionPolicy.from_json(version.projection.inputs["policy"])
    scenarios = min(SCENARIOS, version.projection.scenarios)
    scene = Scene(found.world, policy, version.projection.seed, scenarios, _bids(found, version))
    BuildSignal.objects.bulk_create(_row(version, found, signal) for signal in signals(scene, own))
    return len(own)


def _is_open(found: BuildOut, version: PriceVersion, place: int) -> bool:
    """Whether the project is the seller's, adds something, and still waits for something."""
    project, milestones = found.projects[place], found.world.milestones
    waiting = np.isnan(milestones.actual[milestones.project == place]).any()
    return bool(
        found.pools[found.world.projects.pool[place]].seller_id == version.seller_id and project.gpus > 0 and waiting
    )


def _bids(found: BuildOut, version: PriceVersion) -> Floats:
    """(pools, days) USD per GPU-hour: floor and dual in the seller's pools, 0 in everybody else's."""
    curves = {curve.pool_id: curve for curve in PoolCurve.objects.filter(version=version)}
    bids = np.zeros((len(found.pools), version.projection.days))
    for place, pool in enumerate(found.pools):
        if curve := curves.get(pool.pk):
            bids[place] = float(stored_constants(curve).floor) + np.asarray(curve.dual, dtype=np.float64).max(axis=0)
    return bids


def _row(version: PriceVersion, found: BuildOut, signal: Signal) -> BuildSignal:
    sooner = {kind: float(_usd(worth)) for kind, worth in signal.sooner.items()}
    mw, alone = _usd(signal.mw), _usd(signal.mw_alone)
    return BuildSignal(
        version=version,
        project=found.projects[signal.project],
        sooner=sooner,
        mw=mw,
        mw_alone=alone,
        best=max(mw, alone, *map(_usd, signal.sooner.values())),
    )


def _usd(worth: float) -> Decimal:
    return Decimal(float(worth)).quantize(CENT)
