"""The backtest as TOML, for the calibration page: figures of ours, with their source."""

from datetime import date

from marketplace.supply.learning.backtest import Backtest, Scored, together
from marketplace.supply.learning.shipped import SOURCE


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
