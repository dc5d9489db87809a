"""Stating why something is late, confirming it as a second person, and disputing it in a thread."""

from collections.abc import Collection
from datetime import date, datetime

from marketplace.catalogue.models import Site
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.supply.models import Disruption, Project
from marketplace.units import clock
from pricing.quotes.delays import CAUSES, MOST_DAYS
from reservations.allocation.causes import (
    OUTCOMES,
    REDUCED,
    UPHELD,
    WITHDRAWN,
    CauseDispute,
    DelayCause,
    DisputePost,
)
from reservations.allocation.credits import credit_now
from reservations.allocation.excuses import causes_at
from reservations.booking import states
from reservations.booking.lifecycle import NotYourRole, lock_reservation
from reservations.booking.models import Reservation

DISPUTE = "dispute"
LONGEST_TEXT = 5000


class CauseRefused(ValueError):
    """The cause is not stated. `faults` says by field what was wrong and what would be right."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = faults


class CauseNotFound(Exception):
    """There is no such cause, or it does not concern this organisation."""


class SecondPersonConfirms(Exception):
    """Who states a cause does not confirm it. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("A second person confirms a cause: not the one who stated it.")


class CauseConfirmed(Exception):
    """It was confirmed already. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This cause was confirmed already.")


class DisputeNotFound(Exception):
    """There is no such dispute for this organisation."""


class DisputeOpen(Exception):
    """The cause is disputed for this reservation already, or was. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This cause was disputed for this reservation already: go on in that thread.")


class DisputeClosed(Exception):
    """The dispute has its outcome. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This dispute has been resolved: its outcome stands.")


class NothingSaid(ValueError):
    """The text is empty or too long. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__(f"Write something, in at most {LONGEST_TEXT:,} characters.")


class OutcomeUnknown(ValueError):
    """The outcome, or its days, make no sense. Nothing was changed."""

    def __init__(self) -> None:
        named = ", ".join(name for name, _ in OUTCOMES)
        super().__init__(f"Give an outcome of {named}; with reduced, fewer days than the cause was stated with.")


def state_cause(
    *,
    kind: str,
    days: int,
    began: date,
    notice_at: datetime,
    statement: str,
    evidence: str,
    by: Actor,
    now: datetime,
    site: Site | None = None,
    project: Project | None = None,
    disruption: Disruption | None = None,
) -> DelayCause:
    """Writes down why a site, a project, or whatever a disruption hits is late. It excuses nothing before a second
    person has confirmed it. Raises CauseRefused."""
    faults = cause_faults(
        kind=kind,
        days=days,
        began=began,
        notice_at=notice_at,
        statement=statement,
        evidence=evidence,
        now=now,
        site=site,
        project=project,
        disruption=disruption,
    )
    if by.user_id is None:
        faults["stated_by"] = "A person states a cause, so that a second one can confirm it."
    if faults:
        raise CauseRefused(faults)
    made = DelayCause.objects.create(
        kind=kind,
        days=days,
        began=began,
        notice_at=notice_at,
        statement=statement.strip(),
        evidence=evidence.strip(),
        site=site,
        project=project,
        disruption=disruption,
        stated_by=by.label,
        stated_by_user_id=by.user_id,
        stated_at=now,
    )
    record(by=by, verb="cause.stated", subject=made.public_id, now=now, after=_as_json(made))
    return made


def cause_faults(
    *,
    kind: str,
    days: int,
    began: date,
    notice_at: datetime,
    statement: str,
    evidence: str,
    now: datetime,
    site: Site | None = None,
    project: Project | None = None,
    disruption: Disruption | None = None,
) -> dict[str, str]:
    """By field, what is wrong with what somebody would state, and what would be right. Nothing is written."""
    found = {}
    if kind not in CAUSES:
        found["kind"] = f"Give one of {', '.join(CAUSES)}."
    if not 0 < days <= MOST_DAYS:
        found["days"] = f"Give the days of delay that it caused, from 1 to {MOST_DAYS:,}."
    if began > now.date():
        found["began"] = "Give the day on which it began: today or before."
    if not datetime.combine(min(began, now.date()), datetime.min.time(), now.tzinfo) <= notice_at <= now:
        found["notice_at"] = "Give when the customers were told: after it began, and not in the future."
    if not statement.strip():
        found["statement"] = "Say what happened, in words that a buyer would understand."
    if not evidence.strip():
        found["evidence"] = "Give a reference to the evidence that the contract asks for."
    if sum(each is not None for each in (site, project, disruption)) != 1:
        found["site"] = "Name one of a site, a project or a disruption."
    return found


def _as_json(cause: DelayCause) -> dict[str, str | int]:
    return {
        "kind": cause.kind,
        "days": cause.days,
        "began": cause.began.isoformat(),
        "scope": cause.scope,
        "evidence": cause.evidence,
    }


def confirm_cause(*, cause: str, by: Actor) -> DelayCause:
    """A second person confirms it: from now on it excuses what each contract says. Raises CauseNotFound, CauseConfirmed
    or SecondPersonConfirms. Credits that were written before are corrected by the sweep, as rows of their own."""
    found = DelayCause.objects.filter(public_id=cause).select_for_update().first()
    if found is None:
        raise CauseNotFound
    if found.is_confirmed:
        raise CauseConfirmed
    if by.user_id is None or by.user_id == found.stated_by_user_id:
        raise SecondPersonConfirms
    now = clock.now()
    found.confirmed_at, found.confirmed_by, found.confirmed_by_user_id = now, by.label, by.user_id
    found.save(update_fields=["confirmed_at", "confirmed_by", "confirmed_by_user_id"])
    record(by=by, verb="cause.confirmed", subject=found.public_id, now=now, after=_as_json(found))
    return found


def causes_of(reservation: Reservation) -> list[DelayCause]:
    """Confirmed causes that concern a reservation, as its holder sees them."""
    pool = reservation.quote.pool
    since = reservation.accepted_at.date()
    return [cause for cause in causes_at([pool])[pool.pk] if cause.began >= since]


def open_dispute(
    *, reservation: str, cause: str, text: str, by: Actor, organisation_id: int, roles: Collection[str]
) -> CauseDispute:
    """The buyer says why a cause does not excuse the delay. Until it is resolved the cause stands.

    Raises ReservationNotFound, NotYourRole, CauseNotFound, DisputeOpen or NothingSaid.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    _may_dispute(roles)
    named = next((each for each in causes_of(found) if each.public_id == cause), None)
    if named is None:
        raise CauseNotFound
    if CauseDispute.objects.filter(cause=named, reservation=found).exists():
        raise DisputeOpen
    made = CauseDispute.objects.create(
        cause=named, reservation=found, organisation_id=organisation_id, opened_by=by.label, opened_at=now
    )
    _post(made, text, False, by, now)
    _tell_of(made, "opened", by, now)
    return made


def _may_dispute(roles: Collection[str]) -> None:
    if states.CUSTOMER.isdisjoint(roles):
        raise NotYourRole(DISPUTE, states.CUSTOMER)


def post_to_dispute(
    *, dispute: str, text: str, by: Actor, organisation_id: int | None, roles: Collection[str] = ()
) -> CauseDispute:
    """Says one more thing; staff where `organisation_id` is None. Raises DisputeNotFound, DisputeClosed, NotYourRole or
    NothingSaid."""
    found, now = _lock(dispute, organisation_id)
    if organisation_id is not None:
        _may_dispute(roles)
    if not found.is_open:
        raise DisputeClosed
    _post(found, text, organisation_id is None, by, now)
    _tell_of(found, "answered", by, now)
    return found


def resolve_dispute(*, dispute: str, outcome: str, days: int | None, text: str, by: Actor) -> CauseDispute:
    """Staff say how it ends, and the credit follows at once: what the outcome adds or takes is a row of its own.

    Raises DisputeNotFound, DisputeClosed, OutcomeUnknown or NothingSaid.
    """
    named = CauseDispute.objects.filter(public_id=dispute).values_list("reservation__public_id", flat=True).first()
    if named is None:
        raise DisputeNotFound
    reservation, _ = lock_reservation(public_id=named, organisation_id=None)
    found, now = _lock(dispute, None)
    if not found.is_open:
        raise DisputeClosed
    found.days = _days_of(found, outcome, days)
    found.outcome, found.resolved_by, found.resolved_at = outcome, by.label, now
    _post(found, text, True, by, now)
    found.save(update_fields=["outcome", "days", "resolved_by", "resolved_at"])
    _tell_of(found, "resolved", by, now)
    credit_now(reservation, now)
    return found


def _days_of(found: CauseDispute, outcome: str, days: int | None) -> int | None:
    if outcome == UPHELD:
        return None
    if outcome == WITHDRAWN:
        return 0
    if outcome == REDUCED and days is not None and 0 <= days < found.cause.days:
        return days
    raise OutcomeUnknown


def _lock(public_id: str, organisation_id: int | None) -> tuple[CauseDispute, datetime]:
    rows = CauseDispute.objects.all() if organisation_id is None else CauseDispute.objects.of(organisation_id)
    found = rows.filter(public_id=public_id).select_related("cause").select_for_update(of=("self",)).first()
    if found is None:
        raise DisputeNotFound
    return found, clock.now()


def _post(found: CauseDispute, text: str, is_staff: bool, by: Actor, now: datetime) -> None:
    said = text.strip()
    if not 0 < len(said) <= LONGEST_TEXT:
        raise NothingSaid
    DisputePost.objects.create(dispute=found, text=said, is_staff=is_staff, by=by.label, at=now)


def _tell_of(found: CauseDispute, what: str, by: Actor, now: datetime) -> None:
    data = {
        "dispute": found.public_id,
        "cause": found.cause.public_id,
        "reservation": found.reservation.public_id,
        "outcome": found.outcome,
    }
    record(by=by, verb=f"dispute.{what}", subject=found.public_id, now=now, after=data)
    emit(
        name=f"dispute.{what}",
        subject=found.public_id,
        organisation_id=found.organisation_id,
        data=data,
        now=now,
    )
