"""The failures of signing, budgets and screening as problems. Importing this file registers them.

Each failure carries its sentence, so that REST, web and admin say the same; here it is given its code.
"""

from marketplace.api.problems import Problem, error, explain
from marketplace.parties import budgets, chains, signing
from marketplace.parties.budget_periods import NotAPeriod
from marketplace.screening.actions import EndCustomerRefused
from marketplace.screening.queries import EndCustomerUnknown, ScreeningRequired


@explain.register
def _(failure: signing.NoAgreement) -> Problem:
    return Problem("no_agreement")


@explain.register
def _(failure: signing.NoAuthority) -> Problem:
    return Problem("no_authority")


@explain.register
def _(failure: ScreeningRequired) -> Problem:
    return Problem("screening_required")


@explain.register
def _(failure: budgets.OverBudget) -> Problem:
    more = {
        "cost_centre": failure.cost_centre.public_id,
        "period": {"start": failure.period.start.isoformat(), "end_exclusive": failure.period.end.isoformat()},
        "needed": failure.needed.as_json(),
        "left": failure.left.as_json(),
        "fits": failure.fits.as_json(),
    }
    return Problem("over_budget", str(failure), more=more)


@explain.register
def _(failure: budgets.CostCentreNeeded) -> Problem:
    return Problem("cost_centre_needed", str(failure), errors=[error("/cost_centre", "required", str(failure))])


@explain.register
def _(failure: EndCustomerUnknown) -> Problem:
    return Problem("invalid", errors=[error("/on_behalf_of", "unknown", str(failure))])


@explain.register
def _(failure: EndCustomerRefused) -> Problem:
    return Problem("invalid", errors=[error(f"/{field}", "invalid", said) for field, said in failure.faults.items()])


@explain.register(budgets.CostCentreRefused)
@explain.register(chains.ChainRefused)
@explain.register(signing.SignatoryUnknown)
@explain.register(signing.AgreementOver)
@explain.register(signing.AlreadyGranted)
def _(failure: Exception) -> Problem:
    return Problem("invalid", errors=[error("", "invalid", str(failure))])


@explain.register
def _(failure: NotAPeriod) -> Problem:
    return Problem("invalid", errors=[error("/start", "invalid", str(failure))])
