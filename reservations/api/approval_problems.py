"""The failures of approvals and order forms as problems. Importing this file registers them."""

from marketplace.api.problems import Problem, explain
from reservations.booking.approving import ApprovalExpired, NotYourTurn, OwnRequest
from reservations.booking.change_authority import ApprovalNeeded
from reservations.booking.ordering import NotOrdered


@explain.register
def _(failure: NotYourTurn) -> Problem:
    return Problem("not_your_turn", str(failure))


@explain.register
def _(failure: OwnRequest) -> Problem:
    return Problem("own_request")


@explain.register
def _(failure: ApprovalExpired) -> Problem:
    return Problem("approval_expired")


@explain.register
def _(failure: ApprovalNeeded) -> Problem:
    return Problem("approval_needed", str(failure))


@explain.register
def _(failure: NotOrdered) -> Problem:
    return Problem("not_ordered", str(failure))
