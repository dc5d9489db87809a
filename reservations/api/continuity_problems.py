"""The continuity planner's failures as problems. Importing this file registers them."""

from marketplace.api.problems import Problem, error, explain
from reservations.continuity import actions
from reservations.continuity.queries import ScenarioNotFound


@explain.register
def _(failure: ScenarioNotFound) -> Problem:
    return Problem("not_found")


@explain.register
def _(failure: actions.NotTheAuthor) -> Problem:
    return Problem("not_the_author", str(failure))


@explain.register
def _(failure: actions.WrongName) -> Problem:
    return Problem("invalid", errors=[error("/name", "invalid", str(failure))])


@explain.register
def _(failure: actions.WrongVisibility) -> Problem:
    return Problem("invalid", errors=[error("/visibility", "invalid", str(failure))])


@explain.register
def _(failure: actions.TooManyScenarios) -> Problem:
    return Problem("too_many_scenarios", str(failure))


@explain.register
def _(failure: actions.ScenarioArchived) -> Problem:
    return Problem("scenario_archived", str(failure))
