"""Announcing a remedy: what happened, why, and the choices, each kept by a hold until the deadline.

Written for a slip that touches a thousand reservations: rows are read and written together, the ledger's days are
locked once, and cost follows the choices. Whatever a plan proposes is checked again here: where the reservation may be
served, that a substitute is equal or better, and that it can be kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from marketplace.capacity import ledger
from marketplace.capacity.ledger import Line, WantedTogether
from marketplace.catalogue.models import Pool, ServiceSpec
from marketplace.catalogue.service import Compared, compared, equal_or_better
from marketplace.journal.actor import SYSTEM
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.units.ids import new_id
from marketplace.units.instants import rfc3339
from marketplace.units.money import usd_from_cents
from pricing.quotes.changes import Part
from pricing.quotes.delays import SHIPPED, DelayTerms
from reservations.allocation.afterwards import Late, begun, lateness, lost_cents, to_hold
from reservations.allocation.bounds import ReservationBounds, bounds_of, forbidden
from reservations.allocation.excuses import causes_at, disputes_of, excused_days
from reservations.allocation.lateness import Agreed, agreed, credit_for, late_by_choice, settled_of
from reservations.allocation.remedies import EXIT, KINDS, WAIT, Remedy, RemedyChoice
from reservations.booking import states
from reservations.booking.lifecycle import catch_up
from reservations.booking.models import Reservation
from reservations.booking.pieces import parts

# For so long the hold of what will take effect outlives the deadline, if no sweep runs.
SETTLE_GRACE = timedelta(days=30)
READ = (
    "pool__site", "pool__seller", "quote__pool__site", "quote__pool__accelerator", "quote__pool__seller", "quote__spec",
)  # fmt: skip
LIVE = (states.SCHEDULED, *states.RUNNING)


class ProposalRefused(ValueError):
    """A proposed choice is not one that this reservation may be offered. It is not offered."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(f"“{dict(KINDS).get(kind, kind)}” cannot be offered: {why}.")
        self.kind = kind
        self.why = why


class NotAnnounced(Exception):
    """Nothing was announced: a remedy is open for the reservation already, or it is not to be served any more."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Nothing was announced: {why}.")


class HasPublicId(Protocol):
    @property
    def public_id(self) -> Any: ...


@dataclass(frozen=True)
class Milestone:
    """One of those that decide the date. `forecast` is when it is expected now."""

    name: str
    planned: date
    forecast: date

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "planned": self.planned.isoformat(), "forecast": self.forecast.isoformat()}


@dataclass(frozen=True)
class Why:
    """What a buyer is told. `dates` are equally likely first days of the block, as many as there are; may be none."""

    happened: str
    bottleneck: str = ""
    confidence: Decimal | None = None
    confidence_before: Decimal | None = None
    dates: tuple[date, ...] = ()
    milestones: tuple[Milestone, ...] = ()

    @property
    def outlook(self) -> dict[str, Any]:
        return {
            "dates": [each.isoformat() for each in sorted(self.dates)],
            "milestones": [each.as_json() for each in self.milestones],
        }


@dataclass(frozen=True)
class Proposed:
    """A choice as a plan proposes it: `lines` is the block afterwards, all of it in one pool.

    Waiting without lines is to wait as agreed, without a date. Credit and comparison are worked out again here.
    """

    kind: str
    lines: tuple[Line, ...] = ()
    credit_usd: Decimal = Decimal(0)
    confidence: Decimal | None = None
    comparison: Any = None
    is_default: bool = False


@dataclass(frozen=True)
class Announcement:
    """What is to be told of one reservation."""

    reservation: Reservation
    proposed: Sequence[Proposed]
    why: Why
    plan: str = ""


@dataclass(frozen=True)
class Announced:
    """`refused` are choices that the reservation may not be offered, `full` those that could not be kept; `skipped` the
    reservations that have a remedy already or are not to be served any more."""

    remedies: list[Remedy]
    refused: list[tuple[Reservation, ProposalRefused]] = field(default_factory=list)
    full: list[tuple[Reservation, str]] = field(default_factory=list)
    skipped: list[Reservation] = field(default_factory=list)


@dataclass
class _Option:
    """A choice in the making. `held` are the lines that keep it; none where it adds nothing."""

    kind: str
    pool: Pool
    after: list[Part]
    held: tuple[Line, ...]
    late: Late | None
    refund: int
    changes_days: bool
    confidence: Decimal | None
    comparison: list[dict[str, Any]] | None = None
    opens_on: date | None = None
    claim_id: int | None = None
    credit: Decimal = Decimal(0)


@dataclass
class _Case:
    """One reservation that is told, with everything that was read for it."""

    reservation: Reservation
    why: Why
    plan: str
    terms: DelayTerms | None
    basis: Agreed
    carried: int
    excused: int
    remedy_id: str
    deadline: datetime
    before: list[Part]
    options: list[_Option] = field(default_factory=list)


def announce(
    *,
    reservation: Reservation,
    plan: HasPublicId | None,
    proposed: Sequence[Proposed],
    why: Why,
    now: datetime,
) -> Remedy:
    """Tells one buyer, and keeps what is offered. Raises ProposalRefused or NotAnnounced, and has then done nothing."""
    told = Announcement(reservation, proposed, why, plan.public_id if plan else "")
    done = announce_all(announcements=[told], now=now)
    if done.refused:
        raise done.refused[0][1]
    if not done.remedies:
        raise NotAnnounced("a remedy is open for it, or it is not to be served any more")
    return done.remedies[0]


def announce_all(*, announcements: Sequence[Announcement], now: datetime) -> Announced:
    """Tells many buyers in one change. A choice that is not allowed, or cannot be kept, is left out and named in the
    answer; to wait is always among them, and is what silence means."""
    found = Announced([])
    said = {each.reservation.pk: each for each in announcements}
    rows = _locked(list(said), now)
    found.skipped.extend(said[pk].reservation for pk in said if pk not in rows)
    cases = _read([(rows[pk], each) for pk, each in said.items() if pk in rows], now)
    pools, specs = _places(announcements)
    bounds = bounds_of([case.reservation for case in cases])
    for case in cases:
        _consider(case, said[case.reservation.pk].proposed, bounds[case.reservation.pk], pools, specs, found, now)
    _keep(cases, found, now)
    for case in cases:
        _settle_on_a_default(case, now)
    found.remedies.extend(_write(cases, now))
    return found


def _locked(ids: Sequence[int], now: datetime) -> dict[int, Reservation]:
    """Those that are to be served still and have no open remedy, locked by id and brought up to the clock."""
    rows = Reservation.objects.filter(pk__in=ids).select_for_update(of=("self",)).order_by("pk")
    found = {}
    open_ones = set(
        Remedy.objects.filter(reservation__in=ids, settled_at=None).values_list("reservation_id", flat=True)
    )
    for each in rows.select_related(*READ):
        if each.next_at is not None and each.next_at <= now:
            catch_up(each, now=now)
        if each.status in LIVE and each.pk not in open_ones:
            found[each.pk] = each
    return found


def _read(told: Sequence[tuple[Reservation, Announcement]], now: datetime) -> list[_Case]:
    reservations = [reservation for reservation, _ in told]
    settled = settled_of(reservations)
    causes = causes_at(each.quote.pool for each in reservations)
    disputes = disputes_of(reservations)
    return [
        _case(reservation, each, settled.get(reservation.pk, []), causes, disputes, now) for reservation, each in told
    ]


def _case(
    reservation: Reservation,
    told: Announcement,
    settled: Sequence[Remedy],
    causes: Any,
    disputes: Any,
    now: datetime,
) -> _Case:
    terms = reservation.quote.contract_terms.delay_terms
    excused = 0
    if terms is not None:
        own = disputes.get(reservation.pk, {})
        excused = excused_days(reservation, terms, causes[reservation.quote.pool_id], own)
    hours = terms.choice_hours if terms else SHIPPED["choice_hours"]
    return _Case(
        reservation=reservation,
        why=told.why,
        plan=told.plan,
        terms=terms,
        basis=agreed(reservation, settled),
        carried=late_by_choice(settled, date.max),
        excused=excused,
        remedy_id=new_id("rmd"),
        deadline=now + timedelta(hours=hours),
        before=parts(reservation),
    )


def _places(announcements: Sequence[Announcement]) -> tuple[dict[int, Pool], dict[int, dict[str, Any]]]:
    """The pools that are proposed, and the service spec in force of each."""
    ids = {line.pool_id for each in announcements for choice in each.proposed for line in choice.lines}
    pools = {pool.pk: pool for pool in Pool.objects.filter(pk__in=ids).select_related("seller")}
    specs = ServiceSpec.objects.filter(pool__in=ids).order_by("pool_id", "-version").distinct("pool_id")
    return pools, {spec.pool_id: spec.document for spec in specs}


def _consider(
    case: _Case,
    proposed: Iterable[Proposed],
    bounds: ReservationBounds,
    pools: dict[int, Pool],
    specs: dict[int, dict[str, Any]],
    found: Announced,
    now: datetime,
) -> None:
    for each in proposed:
        try:
            case.options.append(_option(case, each, bounds, pools, specs, now))
        except ProposalRefused as refused:
            found.refused.append((case.reservation, refused))


def _option(
    case: _Case,
    each: Proposed,
    bounds: ReservationBounds,
    pools: dict[int, Pool],
    specs: dict[int, dict[str, Any]],
    now: datetime,
) -> _Option:
    if each.kind not in dict(KINDS):
        raise ProposalRefused(each.kind, f"there is no such choice; give one of {', '.join(name for name, _ in KINDS)}")
    if each.kind == EXIT:
        return _exit(case)
    if not each.lines:
        return _as_agreed(case, each)
    if len({line.pool_id for line in each.lines}) != 1:
        raise ProposalRefused(each.kind, "a block is served in one pool")
    pool = pools[each.lines[0].pool_id]
    if why := forbidden(bounds, case.reservation, pool):
        raise ProposalRefused(each.kind, f"the reservation does not allow this {why}")
    return _elsewhere_or_later(case, each, pool, specs, now)


def _elsewhere_or_later(
    case: _Case, each: Proposed, pool: Pool, specs: dict[int, dict[str, Any]], now: datetime
) -> _Option:
    reservation, after = case.reservation, [Part(line.period, line.quantity) for line in each.lines]
    away = pool.pk != reservation.pool_id
    _check_lots(each.kind, pool, after)
    if away and reservation.status != states.SCHEDULED:
        raise ProposalRefused(each.kind, "the block has begun, so it stays in its pool")
    if each.kind == WAIT and away:
        raise ProposalRefused(each.kind, "to wait is to stay where one is")
    rows = _comparison(each.kind, reservation, specs.get(pool.pk, {})) if away else None
    if reservation.status in states.RUNNING:
        after = [*begun(case.before, now.date()), *_from(after, now.date())]
    try:
        late = lateness(case.before, after)
    except ValueError:
        return _as_agreed(case, each)  # without a date there is nothing to promise, and nothing to keep
    cents = int(reservation.total.scaleb(2))
    return _Option(
        kind=each.kind,
        pool=pool,
        after=after,
        held=_held(case, pool, after, away),
        late=late,
        refund=lost_cents(cents, case.before, after),
        changes_days=after != case.before or away,
        confidence=each.confidence,
        comparison=[row.as_json() for row in rows] if rows is not None else None,
    )


def _check_lots(kind: str, pool: Pool, after: Sequence[Part]) -> None:
    if any(part.quantity % pool.lot for part in after):
        raise ProposalRefused(kind, f"that pool serves lots of {pool.lot}")


def _from(after: Sequence[Part], today: date) -> list[Part]:
    return [
        Part(type(part.period)(max(part.period.start, today), part.period.end), part.quantity)
        for part in after
        if part.period.end > today
    ]


def _comparison(kind: str, reservation: Reservation, offers: dict[str, Any]) -> tuple[Compared, ...]:
    """Against what was agreed, not against what it is served with now: several moves in a row never lose anything."""
    rows = compared(reservation.quote.spec.document, offers)
    if not equal_or_better(rows):
        worse = ", ".join(row.field.replace("_", " ") for row in rows if row.verdict == "worse")
        raise ProposalRefused(kind, f"it is worse than agreed in {worse}")
    return rows


def _held(case: _Case, pool: Pool, after: Sequence[Part], away: bool) -> tuple[Line, ...]:
    turnaround = case.reservation.quote.contract_terms.turnaround_days
    if not away:
        return tuple(Line(pool.pk, part.period, part.quantity) for part in to_hold(case.before, after, turnaround))
    lines = [Line(pool.pk, part.period, part.quantity) for part in after]
    last = max(range(len(lines)), key=lambda place: lines[place].period.end)
    until = lines[last].period.end + timedelta(days=turnaround)
    lines[last] = Line(pool.pk, lines[last].period, lines[last].quantity, until)
    return tuple(lines)


def _as_agreed(case: _Case, each: Proposed | None = None) -> _Option:
    """Nothing changes but the credit. How late it will probably be is the middle one of the likely dates."""
    reservation, dates = case.reservation, sorted(case.why.dates)
    expected = dates[len(dates) // 2] if dates else None
    is_late = expected is not None and expected > reservation.start
    return _Option(
        kind=WAIT,
        pool=reservation.pool,
        after=case.before,
        held=(),
        late=Late(reservation.start, expected) if is_late and expected else None,
        refund=0,
        changes_days=False,
        confidence=each.confidence if each and each.confidence is not None else case.why.confidence,
    )


def _exit(case: _Case) -> _Option:
    if case.terms is None:
        raise ProposalRefused(EXIT, "the contract has no long-stop date")
    if case.reservation.status != states.SCHEDULED:
        raise ProposalRefused(EXIT, "the block has been handed over")
    return _Option(
        kind=EXIT,
        pool=case.reservation.pool,
        after=[],
        held=(),
        late=None,
        refund=int(case.reservation.total.scaleb(2)),
        changes_days=True,
        confidence=None,
        opens_on=case.basis.start + timedelta(days=case.terms.long_stop_days),
    )


def _keep(cases: Sequence[_Case], found: Announced, now: datetime) -> None:
    """One hold a choice that adds something. What is to wait is held for longer: silence is to get it by time."""
    asked = [(case, option) for case in cases for option in case.options if option.held]
    wanted = [
        WantedTogether(
            case.remedy_id,
            case.reservation.firmness,
            option.held,
            case.deadline + (SETTLE_GRACE if option.kind == WAIT else timedelta(0)),
        )
        for case, option in asked
    ]
    for (case, option), claimed in zip(asked, ledger.hold_each(wanted=wanted, now=now), strict=True):
        if claimed is None:
            case.options.remove(option)
            found.full.append((case.reservation, option.kind))
        else:
            option.claim_id = claimed.claim_id


def _settle_on_a_default(case: _Case, now: datetime) -> None:
    """The first way to wait that can be kept comes first, and is what silence means."""
    waits = [option for option in case.options if option.kind == WAIT] or [_as_agreed(case)]
    others = [option for option in case.options if option.kind != WAIT]
    for option in waits[1:]:
        if option.claim_id is not None:  # it is not what silence means, so it is kept no longer than the others
            ledger.prolong_hold(claim_id=option.claim_id, expires_at=case.deadline, now=now)
    case.options = [*waits, *others]
    for option in case.options:
        option.credit = _credit(case, option)


def _credit(case: _Case, option: _Option) -> Decimal:
    if case.terms is None:
        return Decimal(0)
    late = case.carried + ((option.late.until - option.late.start).days if option.late else 0)
    return credit_for(case.terms, case.basis, late, min(case.excused, late), case.reservation.currency)


def _write(cases: Sequence[_Case], now: datetime) -> list[Remedy]:
    """All rows together: remedies, choices, journal and events."""
    remedies = Remedy.objects.bulk_create([_remedy(case, now) for case in cases])
    choices = [
        _choice(remedy, position, option)
        for remedy, case in zip(remedies, cases, strict=True)
        for position, option in enumerate(case.options)
    ]
    RemedyChoice.objects.bulk_create(choices)
    Entry.objects.bulk_create([_entry(remedy, now) for remedy in remedies])
    Event.objects.bulk_create([_event(remedy, choices, now) for remedy in remedies])
    return remedies


def _remedy(case: _Case, now: datetime) -> Remedy:
    return Remedy(
        public_id=case.remedy_id,
        reservation=case.reservation,
        plan=case.plan,
        happened=case.why.happened,
        bottleneck=case.why.bottleneck,
        confidence=case.why.confidence,
        confidence_before=case.why.confidence_before,
        outlook=case.why.outlook,
        agreed_start=case.basis.start,
        total=case.basis.total,
        days=case.basis.days,
        revision=case.reservation.revision,
        announced_at=now,
        deadline=case.deadline,
        settles_at=case.deadline,
    )


def _choice(remedy: Remedy, position: int, option: _Option) -> RemedyChoice:
    return RemedyChoice(
        remedy=remedy,
        position=position,
        kind=option.kind,
        is_default=position == 0,
        pool=option.pool,
        lines=[
            {
                "start": part.period.start.isoformat(),
                "end_exclusive": part.period.end.isoformat(),
                "quantity": part.quantity,
            }
            for part in option.after
        ],
        changes_days=option.changes_days,
        claim_id=option.claim_id,
        late_from=option.late.start if option.late else None,
        late_until=option.late.until if option.late else None,
        credit=option.credit,
        refund=usd_from_cents(option.refund).amount,
        confidence=option.confidence,
        comparison=option.comparison,
        opens_on=option.opens_on,
    )


def _entry(remedy: Remedy, now: datetime) -> Entry:
    after = {"reservation": remedy.reservation.public_id, "plan": remedy.plan, "deadline": rfc3339(remedy.deadline)}
    return Entry(
        at=now,
        actor=SYSTEM.label,
        verb="remedy.announced",
        subject=remedy.public_id,
        after=after,
        reason=remedy.happened,
    )


def _event(remedy: Remedy, choices: Sequence[RemedyChoice], now: datetime) -> Event:
    own = [choice.as_json() for choice in choices if choice.remedy is remedy]
    return Event(
        name="remedy.announced",
        subject=remedy.public_id,
        organisation_id=remedy.reservation.organisation_id,
        data={
            "remedy": remedy.public_id,
            "reservation": remedy.reservation.public_id,
            "happened": remedy.happened,
            "bottleneck": remedy.bottleneck,
            "deadline": rfc3339(remedy.deadline),
            "choices": own,
        },
        created_at=now,
    )
