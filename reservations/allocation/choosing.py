"""Choosing a remedy, and what takes effect at its deadline: by time, whether or not a sweep ran."""

from collections.abc import Collection
from datetime import datetime, timedelta

from marketplace.capacity import ledger
from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.outbox.actions import emit
from marketplace.parties.signing import standing
from marketplace.screening.queries import check_cleared
from marketplace.units import clock
from marketplace.units.instants import in_words, rfc3339
from marketplace.units.money import Money
from reservations.allocation.announcing import LIVE, SETTLE_GRACE
from reservations.allocation.applying import become, leave
from reservations.allocation.credits import credit_now
from reservations.allocation.deciding import DECIDED, OPEN, SETTLED
from reservations.allocation.remedies import (
    CHOSEN_FOR,
    EXIT,
    EXTENDED,
    WAIT,
    Remedy,
    RemedyChoice,
    RemedyOverride,
)
from reservations.booking import states
from reservations.booking.lifecycle import NotYourRole, catch_up, lock_reservation
from reservations.booking.models import Reservation

CHOOSE = "choose"
SHORTEST_REASON = 10


class RemedyNotFound(Exception):
    """There is no such remedy for this organisation."""


class RemedyClosed(Exception):
    """The deadline has passed, or what was chosen has taken effect. Nothing was changed."""

    def __init__(self, state: str, deadline: datetime) -> None:
        said = {
            DECIDED: f"The time to choose ended at {in_words(deadline)}: what was decided then stands.",
            SETTLED: "This has been settled: what was chosen, or waiting where nobody chose, has taken effect.",
        }
        super().__init__(said[state])
        self.state = state


class ChoiceUnknown(ValueError):
    """The remedy has no such choice. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("Give the id of one of the choices of this remedy.")


class RemedyStale(Exception):
    """The reservation was changed by its holder after the remedy was announced. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The reservation has been changed since this was announced: only waiting is left to choose.")


class OverrideReasonMissing(ValueError):
    """Staff act for a customer with a reason. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__(f"Say why, in {SHORTEST_REASON} characters or more: it is listed with what you did.")


class DeadlineNotLater(ValueError):
    """A deadline can be extended, never shortened. Nothing was changed."""

    def __init__(self, deadline: datetime) -> None:
        super().__init__(f"Give a time after {in_words(deadline)}: a deadline can be extended, never shortened.")


def choose(*, remedy: str, choice: str, by: Actor, organisation_id: int | None, roles: Collection[str]) -> Remedy:
    """Chooses, or chooses again, until the deadline. What begins before the deadline takes effect at once.

    Raises RemedyNotFound, RemedyClosed, NotYourRole, ChoiceUnknown, RemedyStale; NoAgreement or NoAuthority, and
    ScreeningRequired where the block would go to another pool.
    """
    found, reservation, now = _lock(remedy, organisation_id)
    if states.CUSTOMER.isdisjoint(roles) and states.STAFF not in roles:
        raise NotYourRole(CHOOSE, states.CUSTOMER)
    wanted = found.choices.filter(public_id=choice).select_related("pool").first()
    if wanted is None:
        raise ChoiceUnknown
    if found.state(now) != OPEN:
        raise RemedyClosed(found.state(now), found.deadline)
    if wanted.changes_days and found.revision != reservation.revision:
        raise RemedyStale
    _check_authority(reservation, wanted, by, now)
    _prefer(found, wanted, now)
    found.chosen, found.chosen_at, found.chosen_by = wanted, now, by.label
    found.settles_at = max(found.deadline, _opens(wanted) or found.deadline)
    found.save(update_fields=["chosen", "chosen_at", "chosen_by", "settles_at"])
    _tell_of(found, reservation, "chosen", wanted, by, now)
    if wanted.takes_effect_at_once:
        _settle(found, reservation, by, now)
    return found


def _lock(public_id: str, organisation_id: int | None) -> tuple[Remedy, Reservation, datetime]:
    """The reservation first, as everywhere; then the remedy. The clock is read after both."""
    rows = Remedy.objects.all() if organisation_id is None else Remedy.objects.of(organisation_id)
    named = rows.filter(public_id=public_id).values_list("reservation__public_id", flat=True).first()
    if named is None:
        raise RemedyNotFound
    reservation, _ = lock_reservation(public_id=named, organisation_id=organisation_id)
    found = rows.filter(public_id=public_id).select_for_update(of=("self",)).first()
    if found is None:
        raise RemedyNotFound
    return found, reservation, clock.now()


def _opens(choice: RemedyChoice) -> datetime | None:
    return states.midnight(choice.opens_on) if choice.opens_on else None


def _check_authority(reservation: Reservation, choice: RemedyChoice, by: Actor, now: datetime) -> None:
    """Waiting is what silence would do; anything else binds the organisation, and is signed by who may."""
    if choice.kind == WAIT:
        return
    standing(
        organisation_id=reservation.organisation_id,
        by=by,
        seller_id=choice.pool.seller_id,
        amount=Money(reservation.total * 0, reservation.currency),
        now=now,
    ).check_may_sign()
    if choice.pool_id != reservation.pool_id:
        check_cleared(
            organisation_id=reservation.organisation_id,
            pool_id=choice.pool_id,
            end_customer_id=reservation.end_customer_id,
            now=now,
        )


def _prefer(found: Remedy, wanted: RemedyChoice, now: datetime) -> None:
    """The hold of what will take effect outlives the deadline; those of all others end at it. No sum changes."""
    for choice in found.choices.filter(claim_id__isnull=False).order_by("claim_id"):
        grace = SETTLE_GRACE if choice.pk == wanted.pk else timedelta(0)
        ledger.prolong_hold(claim_id=choice.hold, expires_at=found.deadline + grace, now=now)


def settle_remedy(*, remedy_id: int) -> Remedy | None:
    """The sweep's verb: writes down what took effect; None where it is not due, or somebody else has it."""
    reservation_id = Remedy.objects.filter(pk=remedy_id).values_list("reservation_id", flat=True).get()
    reservation = Reservation.objects.filter(pk=reservation_id).select_for_update(skip_locked=True).first()
    if reservation is None:
        return None
    found = Remedy.objects.select_for_update(of=("self",)).get(pk=remedy_id)
    now = clock.now()
    catch_up(reservation, now=now)
    if found.settled_at is not None or found.settles_at > now:
        return None
    _settle(found, reservation, SYSTEM, now)
    return found


def _settle(found: Remedy, reservation: Reservation, by: Actor, now: datetime) -> None:
    choices = {choice.pk: choice for choice in found.choices.select_related("pool")}
    default = next(choice for choice in choices.values() if choice.is_default)
    wanted = choices[found.chosen_id] if found.chosen_id else default
    note = _stands_in_the_way(found, reservation, wanted)
    holds = [choice.claim_id for choice in choices.values() if choice.claim_id is not None]
    ledger.lock_claims_and_days(claim_ids=[*reservation.claim_ids, *holds])
    if not note:
        note = _take_effect(reservation, wanted, by, now)
    for claim_id in holds:
        if note or claim_id != wanted.claim_id:
            ledger.release_hold(claim_id=claim_id, now=now)
    found.settled_as, found.settled_at, found.note = default if note else wanted, now, note
    found.save(update_fields=["settled_as", "settled_at", "note"])
    _tell_of(found, reservation, "settled", found.settled_as, by, now)


def _stands_in_the_way(found: Remedy, reservation: Reservation, wanted: RemedyChoice) -> str:
    """Why what was decided cannot take effect any more, by what the holder did meanwhile; empty where nothing does."""
    if reservation.status not in LIVE:
        return "The reservation had ended before."
    if wanted.changes_days and found.revision != reservation.revision:
        return "The reservation was changed by its holder meanwhile, and stays as it is."
    if wanted.kind == EXIT and reservation.status != states.SCHEDULED:
        return "The block was handed over before the long-stop date."
    return ""


def _take_effect(reservation: Reservation, wanted: RemedyChoice, by: Actor, now: datetime) -> str:
    if wanted.kind == EXIT:
        credit_now(reservation, now)
        leave(reservation, by=by, now=now)
    elif wanted.changes_days:
        try:
            become(reservation, wanted, now)
        except ledger.HoldGone:
            return "It was settled too late: what was held for it has been given up."
    return ""


def extend_deadline(*, remedy: str, deadline: datetime, reason: str, by: Actor) -> Remedy:
    """Staff give more time to choose; all that is held is held until then. Raises what `choose` raises of a remedy,
    OverrideReasonMissing or DeadlineNotLater."""
    _check_reason(reason)
    found, reservation, now = _lock(remedy, None)
    if found.state(now) != OPEN:
        raise RemedyClosed(found.state(now), found.deadline)
    if deadline <= found.deadline:
        raise DeadlineNotLater(found.deadline)
    before, found.deadline = found.deadline, deadline
    found.settles_at = max(found.settles_at, deadline)
    found.save(update_fields=["deadline", "settles_at"])
    _prefer(found, found.standing, now)
    _override(found, EXTENDED, rfc3339(before), rfc3339(deadline), reason, by, now)
    _tell_of(found, reservation, "extended", found.standing, by, now)
    return found


def choose_for(*, remedy: str, choice: str, reason: str, by: Actor) -> Remedy:
    """Staff choose as the customer asked them to, and say who asked. Raises what `choose` raises."""
    _check_reason(reason)
    found = choose(remedy=remedy, choice=choice, by=by, organisation_id=None, roles={states.STAFF})
    assert found.chosen is not None
    _override(found, CHOSEN_FOR, "", found.chosen.get_kind_display(), reason, by, clock.now())
    return found


def _check_reason(reason: str) -> None:
    if len(reason.strip()) < SHORTEST_REASON:
        raise OverrideReasonMissing


def _override(found: Remedy, what: str, before: str, after: str, reason: str, by: Actor, now: datetime) -> None:
    RemedyOverride.objects.create(
        remedy=found, what=what, before=before, after=after, reason=reason.strip(), by=by.label, at=now
    )
    record(
        by=by,
        verb=f"remedy.{what}_by_staff",
        subject=found.public_id,
        now=now,
        before=before or None,
        after=after,
        reason=reason.strip(),
    )


def _tell_of(
    found: Remedy, reservation: Reservation, what: str, choice: RemedyChoice, by: Actor, now: datetime
) -> None:
    data = {
        "remedy": found.public_id,
        "reservation": reservation.public_id,
        "choice": choice.public_id,
        "kind": choice.kind,
        "deadline": rfc3339(found.deadline),
        "settles_at": rfc3339(found.settles_at),
        "note": found.note,
    }
    record(by=by, verb=f"remedy.{what}", subject=found.public_id, now=now, after=data)
    emit(
        name=f"remedy.{what}",
        subject=found.public_id,
        organisation_id=reservation.organisation_id,
        data=data,
        now=now,
    )
