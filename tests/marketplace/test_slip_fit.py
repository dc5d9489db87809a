"""The fit behind the shipped figures finds a known law again, open projects included; survivors alone do not."""

import io
import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from marketplace.supply.learning.hazard import Hazard
from marketplace.supply.learning.shipped import as_toml
from marketplace.supply.learning.slip_fit import FittedSlips, Law, Slips, both_above, fit_law, shared_weights
from marketplace.supply.slips import DEFAULT_POLICY, FIGURES, ProjectionPolicy
from tests.marketplace.power_reports import some_reports, write

TRUTH = Law(mu=5.8, sigma=0.9, early_days=180.0, full_lead_days=300.0, least_reach=0.4)


def slips_of(law: Law, z: np.ndarray, rng: np.random.Generator, *, watched: float) -> Slips:
    """As seen after `watched` days: who has not come by then is open."""
    lead = rng.uniform(60.0, 600.0, len(z))
    slip = law.reach(lead) * (np.exp(law.mu + law.sigma * z) - law.early_days)
    left = watched * rng.uniform(0.3, 1.0, len(z)) - lead
    return Slips(lead, np.minimum(slip, left), slip <= left)


def test_the_fit_finds_the_law_again_though_half_are_open_and_survivors_alone_do_not() -> None:
    rng = np.random.default_rng(11)
    seen = slips_of(TRUTH, rng.standard_normal(3000), rng, watched=750.0)
    assert 0.4 < 1 - seen.came.mean() < 0.6
    found, survivors = fit_law(seen), fit_law(seen.only(seen.came))
    assert found.median_days == pytest.approx(TRUTH.median_days, rel=0.15)
    assert found.p90_days == pytest.approx(TRUTH.p90_days, rel=0.15)
    assert survivors.median_days < 0.5 * TRUTH.median_days
    assert survivors.p90_days < 0.5 * TRUTH.p90_days


def test_shocks_shared_by_a_county_and_by_a_kind_are_found_again() -> None:
    rng = np.random.default_rng(5)
    projects, counties, kinds = 500, 60, 12
    county, kind = rng.integers(0, counties, projects), rng.integers(0, kinds, projects)
    site_weight, kind_weight = 0.5, 0.4
    z = site_weight * rng.standard_normal(counties)[county] + kind_weight * rng.standard_normal(kinds)[kind]
    z += np.sqrt(1 - site_weight**2 - kind_weight**2) * rng.standard_normal(projects)
    seen = slips_of(TRUTH, z, rng, watched=1100.0)
    site, shared = shared_weights(TRUTH, seen, county, kind)
    assert site == pytest.approx(site_weight, abs=0.12)
    assert shared == pytest.approx(kind_weight, abs=0.2)


def test_shocks_that_are_not_there_are_not_found() -> None:
    rng = np.random.default_rng(6)
    seen = slips_of(TRUTH, rng.standard_normal(500), rng, watched=1100.0)
    site, shared = shared_weights(TRUTH, seen, rng.integers(0, 60, 500), rng.integers(0, 12, 500))
    assert site < 0.25
    assert shared < 0.15


def test_two_tails_together_are_those_of_the_bivariate_normal() -> None:
    one, other = np.array([0.0, 0.0, -1.0]), np.array([0.0, 0.0, 8.0])
    assert both_above(one[:1], other[:1], 0.5) == pytest.approx(1 / 3)  # 1/4 + arcsin(rho) / 2 pi
    assert both_above(one[1:2], other[1:2], -0.5) == pytest.approx(1 / 6)
    assert both_above(np.array([0.3]), np.array([-0.7]), 0.0) == pytest.approx(0.3820886 * 0.7580363, rel=1e-5)


def test_the_command_prints_what_is_shipped(tmp_path: Path) -> None:
    projects, forecasts = write(some_reports(100), tmp_path)
    said = io.StringIO()
    call_command("fit_slips", "--projects", str(projects), "--forecasts", str(forecasts), stdout=said)
    printed, shipped = tomllib.loads(said.getvalue()), tomllib.loads(FIGURES.read_text())
    assert printed["power"] != shipped["power"]
    assert {name: set(table) for name, table in printed.items() if name != "source"} == {
        name: set(table) for name, table in shipped.items() if name != "source"
    }


def test_what_is_printed_is_what_was_fitted() -> None:
    hazard = Hazard(np.arange(10.0), np.arange(7.0), 204, 223)
    printed = tomllib.loads(as_toml(FittedSlips(TRUTH, hazard, 0.51, 0.32, 427, 204, date(2022, 12, 31).toordinal())))
    assert printed["power"] == {
        "early_days": 180.0, "median_days": 150.3, "p90_days": 866.7, "full_lead_days": 300.0, "least_reach": 0.4,
    }  # fmt: skip
    assert printed["shared"] == {"site_weight": 0.51, "kind_weight": 0.32}
    assert printed["hazard"]["effects"] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert "427 power projects with an agreement as known on 2022-12-31, 204 of them synchronised" in printed["source"]


def test_power_is_fitted_and_the_other_kinds_say_that_they_are_assumptions() -> None:
    power, *others = DEFAULT_POLICY.slips
    assert not power.assumption
    assert "ERCOT" in power.source
    assert all(model.assumption for model in others)


def test_a_stored_policy_of_before_still_loads() -> None:
    document = DEFAULT_POLICY.as_json()
    for slip in document["slips"]:
        del slip["full_lead_days"], slip["least_reach"]
    document["full_lead_days"] = 365.0
    policy = ProjectionPolicy.from_json(document)
    assert policy.reach(36.5, policy.slips[0]) == pytest.approx(0.1)
    assert ProjectionPolicy.from_json(DEFAULT_POLICY.as_json()) == DEFAULT_POLICY
