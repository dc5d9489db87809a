"""The three questions of the continuity planner, checked once: every door builds them here.

A question is stored as it was asked (`as_json`), so that it can be asked again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from marketplace.units.firmness import FIRM, FIRMNESS
from pricing.quotes.need import BadNeed, Fault, parse_date

OUTAGE, GROWTH, CLOSURE = "outage", "growth", "closure"
QUESTIONS = [
    (OUTAGE, "A site is late or lost"),
    (GROWTH, "Usage grows"),
    (CLOSURE, "A country or region closes"),
]
P50, P90 = "p50", "p90"
LATENESS = {P50: 0.5, P90: 0.9}
MOST_SITES = 20
MOST_LATE_DAYS = 1825
HIGHEST_FACTOR = 20
FURTHEST_DAYS = 3650  # beyond any day on which something is sold
MOST_FLEXIBLE_DAYS = 180
USUAL_FLEXIBLE_DAYS = 30
FIELDS = {
    OUTAGE: ("sites", "lost_from", "late_days", "lateness"),
    GROWTH: ("factor", "from", "firmness", "accelerators"),
    CLOSURE: ("country", "region", "from", "allowed", "flexibility_days"),
}


@dataclass(frozen=True)
class Known:
    """What a question may name: sites by public id, countries, regions and accelerators that have something on sale."""

    sites: frozenset[str]
    countries: frozenset[str]
    regions: frozenset[str]
    accelerators: frozenset[str]


@dataclass(frozen=True)
class Outage:
    """Sites that are lost from a day on, or late: by so many days, or by what the projection says (p50 or p90)."""

    sites: tuple[str, ...]
    lost_from: date | None = None
    late_days: int | None = None
    lateness: str | None = None
    kind = OUTAGE

    def as_json(self) -> dict[str, Any]:
        how: dict[str, Any] = {"late_days": self.late_days} if self.late_days is not None else {}
        how |= {"lost_from": self.lost_from.isoformat()} if self.lost_from else {}
        return {"sites": list(self.sites), **how, **({"lateness": self.lateness} if self.lateness else {})}


@dataclass(frozen=True)
class Growth:
    """Usage of everything (or of some accelerators) times `factor` from a day on."""

    factor: Decimal
    start: date
    firmness: str = FIRM
    accelerators: tuple[str, ...] = ()
    kind = GROWTH

    def as_json(self) -> dict[str, Any]:
        some = {"accelerators": list(self.accelerators)} if self.accelerators else {}
        return {"factor": str(self.factor), "from": self.start.isoformat(), "firmness": self.firmness, **some}


@dataclass(frozen=True)
class Closure:
    """A country or a region closes on a day. `allowed`: countries to which its reservations may go, empty for any."""

    start: date
    country: str = ""
    region: str = ""
    allowed: tuple[str, ...] = ()
    flexibility: int = USUAL_FLEXIBLE_DAYS
    kind = CLOSURE

    @property
    def place(self) -> str:
        return self.country or self.region

    def as_json(self) -> dict[str, Any]:
        where = {"country": self.country} if self.country else {"region": self.region}
        allowed = {"allowed": list(self.allowed)} if self.allowed else {}
        return {**where, "from": self.start.isoformat(), **allowed, "flexibility_days": self.flexibility}


Question = Outage | Growth | Closure


def parse_question(kind: str, body: Any, *, today: date, known: Known) -> Question:
    """Checks a question as it comes from outside. Raises BadNeed with every fault; an unknown field is one."""
    if kind not in FIELDS:
        raise BadNeed([Fault("/question", "unknown", f"Choose one of {', '.join(FIELDS)}.")])
    if not isinstance(body, Mapping):
        raise BadNeed([Fault("", "not_an_object", f"Send an object with {', '.join(FIELDS[kind])}.")])
    faults = [
        Fault(f"/{name}", "unknown_field", f"There is no such field. Known: {', '.join(FIELDS[kind])}.")
        for name in body
        if name not in FIELDS[kind]
    ]
    parsers: dict[str, Callable[..., Question | None]] = {OUTAGE: _outage, GROWTH: _growth, CLOSURE: _closure}
    found = parsers[kind](body, today, known, faults)
    if faults or found is None:
        raise BadNeed(faults)
    return found


def parse_stored(kind: str, body: Mapping[str, Any], *, today: date, known: Known) -> Question:
    """A question that was checked when it was stored, as of today: a day that is over by now is today."""
    moved = dict(body)
    for name in ("from", "lost_from"):
        if name in moved:
            moved[name] = max(date.fromisoformat(moved[name]), today).isoformat()
    return parse_question(kind, moved, today=today, known=known)


def _outage(body: Mapping[str, Any], today: date, known: Known, faults: list[Fault]) -> Outage | None:
    sites = _names(body, "sites", known.sites, faults, most=MOST_SITES)
    if not sites and not any(fault.pointer.startswith("/sites") for fault in faults):
        faults.append(Fault("/sites", "required", "Choose one site or more."))
    given = [name for name in ("lost_from", "late_days", "lateness") if body.get(name) is not None]
    if len(given) != 1:
        right = "Send one of lost_from (a day), late_days (a number of days) or lateness (p50 or p90)."
        faults.append(Fault(f"/{given[1] if given else 'lost_from'}", "invalid" if given else "required", right))
        return None
    lost_from = _day(body, "lost_from", today, faults) if given == ["lost_from"] else None
    late = _whole(body, "late_days", 0, MOST_LATE_DAYS, faults) if given == ["late_days"] else None
    lateness = body.get("lateness")
    if lateness is not None and lateness not in LATENESS:
        faults.append(Fault("/lateness", "invalid", "Choose p50 or p90."))
    return Outage(sites, lost_from, late, lateness)


def _growth(body: Mapping[str, Any], today: date, known: Known, faults: list[Fault]) -> Growth | None:
    factor, start = _factor(body.get("factor"), faults), _day(body, "from", today, faults)
    firmness = body.get("firmness", FIRM)
    if not isinstance(firmness, str) or firmness not in FIRMNESS:
        faults.append(Fault("/firmness", "invalid", f"Choose one of {', '.join(FIRMNESS)}."))
    some = _names(body, "accelerators", known.accelerators, faults)
    return None if factor is None or start is None else Growth(factor, start, str(firmness), some)


def _closure(body: Mapping[str, Any], today: date, known: Known, faults: list[Fault]) -> Closure | None:
    places = {name: body[name] for name in ("country", "region") if body.get(name) is not None}
    if len(places) != 1:
        pointer = "/region" if places else "/country"
        faults.append(Fault(pointer, "invalid" if places else "required", "Send a country or a region, not both."))
    for name, value in places.items():
        there = known.countries if name == "country" else known.regions
        if not isinstance(value, str) or value not in there:
            faults.append(Fault(f"/{name}", "unknown", f"Nothing is on sale there. Known: {_listed(there)}."))
    allowed = _names(body, "allowed", known.countries, faults)
    if allowed and places.get("country") in allowed:
        faults.append(Fault("/allowed", "invalid", "The country that closes cannot be one to go to."))
    flexible = _whole(body, "flexibility_days", 0, MOST_FLEXIBLE_DAYS, faults) if "flexibility_days" in body else None
    start = _day(body, "from", today, faults)
    if start is None or faults:
        return None
    flexibility = USUAL_FLEXIBLE_DAYS if flexible is None else flexible
    return Closure(start, places.get("country", ""), places.get("region", ""), allowed, flexibility)


def _day(body: Mapping[str, Any], name: str, today: date, faults: list[Fault]) -> date | None:
    day = parse_date(body, name, "", faults)
    if day is not None and not today <= day <= today + timedelta(days=FURTHEST_DAYS):
        last = today + timedelta(days=FURTHEST_DAYS)
        faults.append(Fault(f"/{name}", "invalid", f"Choose a day from {today} to {last}."))
        return None
    return day


def _whole(body: Mapping[str, Any], name: str, least: int, most: int, faults: list[Fault]) -> int | None:
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    faults.append(Fault(f"/{name}", "invalid", f"Send a whole number of days from {least} to {most}."))
    return None


def _factor(value: Any, faults: list[Fault]) -> Decimal | None:
    try:
        found = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    exponent = found.as_tuple().exponent
    if found.is_finite() and 1 < found <= HIGHEST_FACTOR and isinstance(exponent, int) and exponent >= -2:
        return found
    right = f'Send what usage is multiplied by as text, above 1 and up to {HIGHEST_FACTOR}: "2" or "1.5".'
    faults.append(Fault("/factor", "required" if value is None else "invalid", right))
    return None


def _names(
    body: Mapping[str, Any], name: str, known: frozenset[str], faults: list[Fault], most: int = 100
) -> tuple[str, ...]:
    value = body.get(name, [])
    if not isinstance(value, list) or len(value) > most or not all(isinstance(item, str) for item in value):
        faults.append(Fault(f"/{name}", "invalid", f"Send a list of at most {most} names."))
        return ()
    for index, item in enumerate(value):
        if item not in known:
            faults.append(Fault(f"/{name}/{index}", "unknown", f"There is no {item!r} here. Known: {_listed(known)}."))
    return tuple(dict.fromkeys(value))


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)[:12]) or "none"
