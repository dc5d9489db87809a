"""Figures of ours as TOML: what fits on public data leave behind in the project, with their source."""

import tomllib
from datetime import date

import numpy as np

from marketplace.supply.learning.hazard import Hazard, TooLittleKnown, fit
from marketplace.supply.learning.reports import Reports
from marketplace.supply.learning.slip_fit import FittedSlips
from marketplace.supply.slips import FIGURES
from marketplace.supply.world import Floats

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

[hazard]  # for backtests on files that know too little before the day; never for a day before `until` (hazard.py)
until = {until}
synchronised = {fitted.hazard.synchronised}
open = {fitted.hazard.open}
phases = {_numbers(fitted.hazard.phases)}
effects = {_numbers(fitted.hazard.effects)}
'''


def _numbers(values: Floats) -> str:
    return f"[{', '.join(f'{value:.4f}' for value in values)}]"


def hazard_at(reports: Reports, day: float) -> Hazard:
    """Fitted on what the reports knew on the day; where that is too little, ours, unless it knew more than the day.

    Raises TooLittleKnown.
    """
    try:
        return fit(reports, day)
    except TooLittleKnown:
        ours = tomllib.loads(FIGURES.read_text(encoding="utf-8"))["hazard"]
        until = ours["until"].toordinal()
        if day < until:
            raise
        return Hazard(
            np.array(ours["phases"]), np.array(ours["effects"]), ours["synchronised"], ours["open"], shipped=until
        )
