"""Figures of ours as TOML: what a fit on public data leaves behind in the project, with its source."""

from datetime import date

from marketplace.supply.learning.slip_fit import FittedSlips

SOURCE = "cut from ERCOT's public monthly interconnection reports"


def as_toml(fitted: FittedSlips) -> str:
    """The text of power_slips.toml."""
    law, until = fitted.law, date.fromordinal(fitted.until)
    return f'''# Written by `manage.py fit_slips`; see docs/projection.md. Figures of ours, fitted on data {SOURCE}.
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
