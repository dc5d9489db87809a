"""Figures of ours as TOML: what fits on public data leave behind in the project, with their source."""

from datetime import date

from marketplace.supply.learning.backtest import Backtest, Scored, together
from marketplace.supply.learning.slip_fit import FittedSlips

SOURCE = "cut from ERCOT's public monthly interconnection reports"


def as_toml(fitted: FittedSlips) -> str:
    """The text of power_slips.toml."""
    law, until = fitted.law, date.fromordinal(fitted.until)
    return f'''# Written by `manage.py fit_slips`; see docs/projection.md. Figures of ours; data {SOURCE}.
source = """\\
Fitted by us on {fitted.projects} power projects with an agreement as known on {until}, {fitted.synchronised} of them \\
synchronised and the others open, so censored; {SOURCE}. From the date announced on a day to synchronisation; power \\
plants, not campuses."""

[power]  # the slip of a plan full_lead_days or more away; one time in ten it is over p90_days
early_days = {law.early_days:.1f}
median_days = {law.median_days:.1f}
p90_days = {law.p90_days:.1f}
full_lead_days = {law.full_lead_days:.1f}
least_reach = {law.least_reach:.3f}

[shared]  # weights of the shocks shared by a county (a site) and by a kind of plant (a kind of milestone)
site_weight = {fitted.site_weight:.3f}
kind_weight = {fitted.kind_weight:.3f}
'''


def backtests_as_toml(runs: list[Backtest]) -> str:
    """The text of public_backtest.toml."""
    scored = [run.scored for run in runs]
    return "\n".join(
        [
            f"# Written by `manage.py backtest_projection --rolling --toml`. Figures of ours; data {SOURCE}.",
            f'source = "Power projects in Texas, {SOURCE}"',
            *_table("[overall]", runs[0].as_of, runs[0].until, together(runs)),
            *(
                line
                for run, part in zip(runs, scored, strict=True)
                for line in _table("[[origins]]", run.as_of, run.until, part)
            ),
            "",
        ]
    )


def _table(head: str, as_of: int, until: int, scored: Scored) -> list[str]:
    if not len(scored):
        return []
    coverage, error = scored.coverage()
    return [
        "",
        head,
        f"as_of = {date.fromordinal(as_of)}",
        f"until = {date.fromordinal(until)}",
        f"scored = {len(scored)}",
        f"coverage_80 = {coverage:.3f}",
        f"standard_error = {error:.3f}",
        f"pinball_ratio = {scored.pinball_ratio():.3f}",
    ]
