"""The backtest on public reports: it knows nothing of the future, its bands are ordered, its score is what it says."""

import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.supply.learning.backtest import Scored, backtest, by_lead, quarter_ends, rolling, together
from marketplace.supply.learning.hazard import HORIZON, TooLittleKnown, fit
from marketplace.supply.learning.reports import BadReports, Reports, read, same
from marketplace.supply.learning.scoring import clustered_error, pinball, share_reached
from marketplace.supply.learning.shipped import hazard_at
from marketplace.supply.learning.standing import standing_at
from tests.marketplace.power_reports import LAST, moved_after, some_reports, write

AS_OF = date(2021, 6, 30).toordinal()
REPORTS = some_reports()


def band(reports: Reports, day: int) -> np.ndarray:
    return fit(reports, day).quantiles(standing_at(reports, day)[0])


@settings(max_examples=8, deadline=None)
@given(day=st.integers(AS_OF - 60, LAST - 30), seed=st.integers(0, 2**32 - 1))
def test_a_forecast_never_reads_the_future(day: int, seed: int) -> None:
    other = moved_after(REPORTS, day, np.random.default_rng(seed))
    assert not same(REPORTS, other)
    assert same(REPORTS.known_at(day), other.known_at(day))
    np.testing.assert_array_equal(band(REPORTS, day), band(other, day))


@settings(max_examples=8, deadline=None)
@given(day=st.integers(AS_OF - 60, LAST), seed=st.integers(0, 1000))
def test_the_quantiles_are_ordered_and_ahead_of_the_day(day: int, seed: int) -> None:
    found = band(some_reports(seed=seed), day)
    assert (found[:, 0] > 0).all()
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found[:, 2] <= HORIZON).all()


def test_a_date_that_the_past_knew_does_change_the_forecast() -> None:
    later = replace(REPORTS, forecast_date=REPORTS.forecast_date + 200.0)
    assert not np.array_equal(band(REPORTS, AS_OF), band(later, AS_OF))


def test_the_bands_cover_what_they_say_where_the_law_is_known() -> None:
    reports = some_reports(900, last=LAST + 1500)
    run = backtest(reports, as_of=LAST, until=LAST + 1500)
    coverage, error = run.scored.coverage()
    assert run.counts.open_not_yet == 0
    assert abs(coverage - 0.8) < 2.5 * error
    assert run.scored.pinball_ratio() < 0.7
    assert run.reached == pytest.approx((0.1, 0.5, 0.9), abs=0.15)


def test_who_is_cancelled_is_left_out_and_counted() -> None:
    run = backtest(REPORTS, as_of=AS_OF, until=LAST)
    standing, _ = standing_at(REPORTS, AS_OF)
    cancelled = ~np.isnan(REPORTS.cancelled[standing.project])
    assert run.counts.cancelled == cancelled.sum() > 0
    counted = len(run.scored) + run.counts.cancelled + run.counts.open_not_yet + run.counts.in_operation_undated
    assert counted == run.counts.standing == len(standing)


def test_who_is_open_is_scored_only_once_the_band_has_passed_and_then_as_beyond_it() -> None:
    never = replace(REPORTS, synchronization_approved=np.where(np.arange(240) % 3 == 0, np.nan, _came(REPORTS)))
    run = backtest(never, as_of=AS_OF, until=LAST)
    still_open = ~run.scored.came
    assert run.counts.open_scored == still_open.sum() > 0
    assert run.counts.open_not_yet > 0
    assert (run.scored.band[still_open, 2] <= LAST - AS_OF).all()
    assert (run.scored.inside[still_open] == 0).all()
    assert (run.scored.waited[still_open] == LAST - AS_OF).all()


def _came(reports: Reports) -> np.ndarray:
    return reports.synchronization_approved


def test_who_left_the_reports_before_the_day_does_not_stand_and_is_counted() -> None:
    left = replace(REPORTS, last_report=np.where(np.arange(240) < 60, AS_OF - 90.0, REPORTS.last_report))
    before, _ = standing_at(REPORTS, AS_OF)
    after, left_out = standing_at(left, AS_OF)
    assert left_out.no_longer_reported == (before.project < 60).sum() > 0
    assert len(after) == len(before) - left_out.no_longer_reported


def test_pinball_is_the_loss_of_a_quantile() -> None:
    assert pinball(np.array([10.0, 0.0]), np.array([4.0, 4.0]), 0.9) == pytest.approx([5.4, 0.4])


def test_as_announced_against_itself_is_1() -> None:
    announced = np.array([30.0, 60.0])
    scored = Scored(
        np.array([50.0, 40.0]), np.array([True, True]), np.stack([announced] * 3, axis=1), announced,
        np.array(["A", "B"]), np.array(["2021Q1", "2021Q1"]),
    )  # fmt: skip
    assert scored.pinball_ratio() == 1.0


def test_clustering_counts_copies_once() -> None:
    values, own = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0]), np.arange(6)
    copies = np.repeat(values, 4)
    assert clustered_error(copies, np.repeat(own, 4)) == pytest.approx(clustered_error(values, own))
    assert clustered_error(values, own) == pytest.approx(values.std(ddof=1) / np.sqrt(6))
    both = clustered_error(values, np.array(list("aabbcc")), np.array(list("xyxyxy")))
    assert both >= clustered_error(values, np.array(list("aabbcc")))


def test_open_ones_count_until_they_are_lost_from_sight() -> None:
    rank, came = np.array([0.1, 0.2, 0.3, 0.9]), np.array([True, False, True, True])
    assert share_reached(rank, came, 0.5) == pytest.approx(1 - 3 / 4 * 1 / 2)  # Kaplan-Meier by hand
    assert share_reached(rank, came, 0.05) == 0.0
    assert np.isnan(share_reached(np.array([0.2]), np.array([False]), 0.5))


def test_every_quarter_is_an_origin_with_what_it_knew() -> None:
    ends = quarter_ends(date(2021, 9, 30).toordinal(), date(2022, 3, 30).toordinal())
    assert [date.fromordinal(end) for end in ends] == [date(2021, 9, 30), date(2021, 12, 31)]
    runs = rolling(REPORTS, as_of=AS_OF, until=LAST)
    assert [date.fromordinal(run.as_of).isoformat() for run in runs] == [
        "2021-06-30", "2021-09-30", "2021-12-31", "2022-03-31", "2022-06-30", "2022-09-30",
    ]  # fmt: skip
    assert sum(len(part) for _, part in by_lead(together(runs))) == sum(len(run.scored) for run in runs)


def test_too_little_to_learn_from_is_said() -> None:
    with pytest.raises(TooLittleKnown, match="20 needed"):
        fit(REPORTS, float(np.nanmin(REPORTS.first_report)) + 60)


def test_where_the_reports_begin_too_late_our_own_figures_stand_in_but_not_before_they_were_known() -> None:
    day = date(2022, 12, 31).toordinal()
    late = replace(
        REPORTS,
        first_report=np.full(240, float(day)),
        forecast_report=np.full(len(REPORTS.forecast_report), float(day)),
    )
    with pytest.raises(TooLittleKnown):
        fit(late, day)
    ours = hazard_at(late, day)
    assert ours.shipped == day
    assert (np.diff(ours.quantiles(standing_at(late, day)[0]), axis=1) >= 0).all()
    early = replace(late, first_report=late.first_report - 1, forecast_report=late.forecast_report - 1)
    with pytest.raises(TooLittleKnown):
        hazard_at(early, day - 1)


def command(*arguments: str) -> str:
    said = io.StringIO()
    call_command("backtest_projection", *arguments, stdout=said)
    return said.getvalue()


def test_the_command_prints_the_figures_of_the_run(tmp_path: Path) -> None:
    projects, forecasts = write(REPORTS, tmp_path)
    assert same(read(projects, forecasts), REPORTS)
    said = command("--projects", str(projects), "--forecasts", str(forecasts), "--as-of", "2021-06-30").splitlines()
    scored = backtest(REPORTS, as_of=AS_OF, until=REPORTS.last_day).scored
    coverage, error = scored.coverage()
    assert f"coverage_80 {coverage:.3f} {len(scored)} {error:.3f}" in said
    assert f"pinball_ratio {scored.pinball_ratio():.3f}" in said
    assert any(line.startswith("coverage_80_lead_181_365 ") for line in said)
    assert any(line.startswith("left_out_cancelled ") for line in said)


def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path) -> None:
    projects, forecasts = write(REPORTS, tmp_path)
    lines = forecasts.read_text().splitlines()
    forecasts.write_text("\n".join([lines[0], "000INR,31.12.2020,2021-01-01", "nobody,2020-12-31,2021-01-01"]))
    with pytest.raises(BadReports) as refused:
        read(projects, forecasts)
    assert refused.value.problems == [
        "forecasts.csv, line 2, report_date: '31.12.2020' is not a date like 2022-12-31",
        "forecasts.csv, line 3: project 'nobody' has no row in the file of projects",
    ]
    with pytest.raises(CommandError, match=r"Nothing was scored\."):
        command("--projects", str(projects), "--forecasts", str(forecasts), "--as-of", "2021-06-30")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--as-of", "2023-06-30"), "must be before --until"),
        (("--as-of", "2021-06-30", "--until", "2031-01-01"), "the last report in the files is of 2022-12-31"),
        (("--as-of", "2019-03-31"), "Choose a later day"),
        (("--as-of", "30.6.2021"), "is not a date"),
    ],
)
def test_a_day_that_cannot_be_scored_is_refused_with_the_reason(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    projects, forecasts = write(REPORTS, tmp_path)
    with pytest.raises(CommandError, match=says):
        command("--projects", str(projects), "--forecasts", str(forecasts), *arguments)
