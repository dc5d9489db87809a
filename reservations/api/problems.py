"""The top floor's failures as problems. Importing this file registers them.

Each failure carries its sentence, so that REST, web and admin say the same; here it is given its code.
"""

from marketplace.api.problems import Problem, error, explain
from reservations.booking import lifecycle


@explain.register
def _(failure: lifecycle.ReservationNotFound) -> Problem:
    return Problem("not_found")


@explain.register
def _(failure: lifecycle.NotInThisState) -> Problem:
    return Problem("not_in_this_state", str(failure))


@explain.register
def _(failure: lifecycle.NotYourRole) -> Problem:
    return Problem("forbidden", str(failure))


@explain.register
def _(failure: lifecycle.TransitionReasonMissing) -> Problem:
    return Problem("invalid", errors=[error("/reason", "required", str(failure))])
