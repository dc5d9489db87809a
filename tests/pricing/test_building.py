"""A seller's build signals: stored once a price version, worked out from its own bid prices, shown to it alone."""

from decimal import Decimal

from marketplace.catalogue.models import Pool
from marketplace.supply.models import POWER
from pricing.curve.building import versions_without_signals, work_out_signals
from pricing.curve.models import BuildSignal, PriceVersion
from tests.market import Market, phase


def version_of(pool: Pool) -> PriceVersion:
    return PriceVersion.objects.filter(seller=pool.seller).latest("pk")


def test_an_open_phase_has_a_signal_and_the_best_comes_first(market: Market) -> None:
    small, large = phase(market.h100, 7, 400), phase(market.h100, 8, 8000)
    assert work_out_signals(version_id=version_of(market.h100).pk) == 2
    first, second = BuildSignal.objects.of_seller(market.h100.seller_id).newest()
    assert (first.project, second.project) == (large, small)
    assert first.soonest_first()[0][0] == POWER
    assert first.best == max(first.mw, first.mw_alone, Decimal(str(first.sooner[POWER])))
    # Twenty times the GPUs; each phase has its own draws.
    assert 10 * second.sooner[POWER] < first.sooner[POWER] < 40 * second.sooner[POWER]


def test_another_sellers_phase_is_not_among_them(market: Market) -> None:
    phase(market.gb200)
    assert work_out_signals(version_id=version_of(market.h100).pk) == 0
    assert not BuildSignal.objects.exists()


def test_signals_are_worked_out_once_a_version(market: Market) -> None:
    phase(market.h100)
    version = version_of(market.h100)
    assert version.pk in versions_without_signals()
    work_out_signals(version_id=version.pk)
    before = list(BuildSignal.objects.values())
    assert work_out_signals(version_id=version.pk) == 0
    assert version.pk not in versions_without_signals()
    assert list(BuildSignal.objects.values()) == before
