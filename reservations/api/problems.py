"""The top floor's failures as problems. Importing this file registers them.

Each failure carries its sentence, so that REST, web and admin say the same; here it is given its code.
"""

from marketplace.api.problems import Problem, error, explain
from reservations.allocation import choosing, leaving, stating
from reservations.booking import assigning, changed, changes, delivery, lifecycle
from reservations.booking.plans import WrongWish
from reservations.delivery import actions as delivering
from reservations.delivery import references


@explain.register(lifecycle.ReservationNotFound)
@explain.register(assigning.AssignmentNotFound)
@explain.register(choosing.RemedyNotFound)
@explain.register(stating.DisputeNotFound)
@explain.register(stating.CauseNotFound)
def _(failure: Exception) -> Problem:
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


@explain.register
def _(failure: WrongWish) -> Problem:
    return Problem("invalid", errors=[error(f"/{failure.field}", "invalid", str(failure))])


@explain.register
def _(failure: changes.Locked) -> Problem:
    return Problem("locked", str(failure))


@explain.register
def _(failure: changes.NoticeTooShort) -> Problem:
    return Problem("notice_too_short", str(failure))


@explain.register
def _(failure: changes.CauseNeedsStaff) -> Problem:
    return Problem("cause_needs_staff", str(failure))


@explain.register
def _(failure: changes.EvidenceMissing) -> Problem:
    return Problem("invalid", errors=[error("/evidence", "required", str(failure))])


@explain.register
def _(failure: changed.SecondPersonNeeded) -> Problem:
    return Problem("second_person_needed", str(failure))


@explain.register
def _(failure: changed.ChangeStale) -> Problem:
    return Problem("change_stale", str(failure))


@explain.register
def _(failure: assigning.AssignmentClosed) -> Problem:
    return Problem("assignment_closed", str(failure))


@explain.register
def _(failure: assigning.AssignmentOpen) -> Problem:
    return Problem("assignment_open", str(failure))


@explain.register
def _(failure: assigning.DuesOpen) -> Problem:
    return Problem("dues_open", str(failure))


@explain.register
def _(failure: assigning.ReceiverUnknown) -> Problem:
    return Problem("invalid", errors=[error("/receiver", "unknown", str(failure))])


@explain.register
def _(failure: assigning.GroundsUnknown) -> Problem:
    return Problem("invalid", errors=[error("/grounds", "unknown", str(failure))])


@explain.register(delivery.HandoverTooEarly)
@explain.register(delivering.NotOverYet)
@explain.register(delivering.HandedBackBefore)
def _(failure: Exception) -> Problem:
    return Problem("not_in_this_state", str(failure))


@explain.register
def _(failure: delivering.NoticeShort) -> Problem:
    return Problem("notice_too_short", str(failure))


@explain.register
def _(failure: delivering.ReadyDayWrong) -> Problem:
    return Problem("invalid", errors=[error("/ready_on", "invalid", str(failure))])


@explain.register
def _(failure: delivering.ResultsWrong) -> Problem:
    return Problem("invalid", errors=[error("/nodes", "invalid", str(failure))])


@explain.register(delivering.NodesUnknown)
@explain.register(delivery.PartNotWhole)
def _(failure: Exception) -> Problem:
    return Problem("invalid", errors=[error("/nodes", "invalid", str(failure))])


@explain.register
def _(failure: delivering.RejectionUnfounded) -> Problem:
    return Problem("invalid", errors=[error("/tests", "invalid", str(failure))])


@explain.register
def _(failure: references.LooksLikeSecret) -> Problem:
    field = {"contact": "contact", "note": "note"}.get(failure.what, "access_reference")
    return Problem("invalid", errors=[error(f"/{field}", "looks_like_a_secret", str(failure))])


@explain.register
def _(failure: references.NotAReference) -> Problem:
    return Problem("invalid", errors=[error("/access_reference", "invalid", str(failure))])


@explain.register
def _(failure: choosing.RemedyClosed) -> Problem:
    return Problem("remedy_closed", str(failure))


@explain.register
def _(failure: choosing.RemedyStale) -> Problem:
    return Problem("change_stale", str(failure))


@explain.register
def _(failure: choosing.ChoiceUnknown) -> Problem:
    return Problem("invalid", errors=[error("/choice", "unknown", str(failure))])


@explain.register
def _(failure: stating.DisputeOpen) -> Problem:
    return Problem("dispute_open", str(failure))


@explain.register
def _(failure: stating.DisputeClosed) -> Problem:
    return Problem("dispute_closed", str(failure))


@explain.register
def _(failure: stating.NothingSaid) -> Problem:
    return Problem("invalid", errors=[error("/text", "invalid", str(failure))])


@explain.register
def _(failure: changes.ServedElsewhere) -> Problem:
    return Problem("served_elsewhere", str(failure))


@explain.register
def _(failure: leaving.NoLongStop) -> Problem:
    return Problem("long_stop", str(failure))


@explain.register
def _(failure: leaving.LongStopNotReached) -> Problem:
    return Problem("long_stop", str(failure))
