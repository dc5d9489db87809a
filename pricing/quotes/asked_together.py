"""Several wishes asked for at once: a bundle of needs, or a ramp. Checked once, for every door."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from pricing.quotes.bundles import BUNDLE, RAMP
from pricing.quotes.need import (
    FIELDS,
    LONGEST_BLOCK_DAYS,
    MOST_GPUS,
    BadNeed,
    Fault,
    Need,
    Range,
    parse_date,
    parse_need,
)
from pricing.quotes.ramps import layers

MOST_NEEDS = 8  # parts of a bundle
MOST_STEPS = 16  # of a ramp
OF_EACH_PART = ("sort", "relax")  # a part has no order of its own, and is not relaxed on its own
RAMP_FIELDS = (
    "ramp",
    *(name for name in FIELDS if name not in ("quantity", "duration_days", "start", "sort", "relax")),
)
Known = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class BundleNeed:
    """Needs that are met all or none, each with its own place, dates and class."""

    needs: tuple[Need, ...]
    kind = BUNDLE

    def as_json(self) -> dict[str, Any]:
        return {"parts": [need.as_json() for need in self.needs]}

    def with_part(self, number: int, need: Need) -> "BundleNeed":
        return BundleNeed((*self.needs[:number], need, *self.needs[number + 1 :]))


@dataclass(frozen=True)
class RampNeed:
    """One contract with a quantity by date: quantities[i] from starts[i] on, until `end`, which is not included.

    `wish` has everything else: the ramp's most over its whole length.
    """

    starts: tuple[date, ...]
    quantities: tuple[int, ...]
    end: date
    wish: Need
    kind = RAMP

    @property
    def divisible(self) -> bool:
        return self.wish.divisible

    @property
    def offsets(self) -> list[int]:
        """Days from the first start to each."""
        return [(start - self.starts[0]).days for start in self.starts]

    @property
    def days(self) -> int:
        return (self.end - self.starts[0]).days

    @property
    def needs(self) -> tuple[Need, ...]:
        """One for each layer (ramps.py), with fixed dates."""
        found = layers(self.offsets, self.quantities, self.days)
        return tuple(self._layer(each.start, each.end, each.quantity) for each in found)

    def _layer(self, start: int, end: int, quantity: int) -> Need:
        first = self.starts[0] + timedelta(days=start)
        size, length = Range(quantity, quantity), Range(end - start, end - start)
        return replace(self.wish, start_from=first, start_to=first, quantity=size, duration=length)

    def moved(self, days: int) -> "RampNeed":
        """The same ramp so many days later."""
        later = timedelta(days=days)
        starts = tuple(start + later for start in self.starts)
        return replace(self, starts=starts, end=self.end + later, wish=_over(self.wish, starts[0], self.end + later))

    def with_quantities(self, quantities: tuple[int, ...]) -> "RampNeed":
        most = max(quantities)
        return replace(self, quantities=quantities, wish=replace(self.wish, quantity=Range(most, most)))

    def as_json(self) -> dict[str, Any]:
        body = {name: value for name, value in self.wish.as_json().items() if name in RAMP_FIELDS}
        pairs = zip(self.starts, self.quantities, strict=True)
        steps = [{"from": start.isoformat(), "quantity": quantity} for start, quantity in pairs]
        return {"ramp": {"steps": steps, "end_exclusive": self.end.isoformat()}, **body}


TogetherNeed = BundleNeed | RampNeed


def is_together(body: Any) -> bool:
    """Whether a body asks for several blocks at once."""
    return isinstance(body, Mapping) and ("parts" in body or "ramp" in body)


def parse_together(body: Mapping[str, Any], *, today: date, known: Known) -> TogetherNeed:
    """Checks a bundle or a ramp as it comes from outside. Raises BadNeed with every fault."""
    if "parts" in body and "ramp" in body:
        raise BadNeed([Fault("/ramp", "invalid", "Send parts or a ramp, not both.")])
    return _bundle(body, today, known) if "parts" in body else _ramp(body, today, known)


def _bundle(body: Mapping[str, Any], today: date, known: Known) -> BundleNeed:
    faults = [
        Fault(f"/{name}", "unknown_field", "A bundle has parts, and each part the fields of a need.")
        for name in body
        if name != "parts"
    ]
    parts = body["parts"]
    if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_NEEDS:
        raise BadNeed([*faults, Fault("/parts", "invalid", f"Send a list of 1 to {MOST_NEEDS} needs.")])
    needs: list[Need] = []
    for number, part in enumerate(parts):
        faults += _not_of_a_part(part, number)
        try:
            needs.append(parse_need(part, today=today, known=known))
        except BadNeed as bad:
            faults += [replace(fault, pointer=f"/parts/{number}{fault.pointer}") for fault in bad.faults]
    if faults:
        raise BadNeed(faults)
    return BundleNeed(tuple(needs))


def _not_of_a_part(part: Any, number: int) -> Iterator[Fault]:
    for name in OF_EACH_PART:
        if isinstance(part, Mapping) and name in part:
            yield Fault(f"/parts/{number}/{name}", "unknown_field", f"A part of a bundle has no {name}.")


def _ramp(body: Mapping[str, Any], today: date, known: Known) -> RampNeed:
    faults = [
        Fault(f"/{name}", "unknown_field", f"There is no such field of a ramp. Known: {', '.join(RAMP_FIELDS)}.")
        for name in body
        if name not in RAMP_FIELDS
    ]
    starts, quantities, end = _steps(body["ramp"], today, faults)
    others = {name: value for name, value in body.items() if name in RAMP_FIELDS and name != "ramp"}
    tomorrow = today + timedelta(days=1)
    stand_in = {
        "quantity": max(quantities, default=1),
        "duration_days": 1,
        "start": {"from": tomorrow.isoformat(), "to": tomorrow.isoformat()},
    }
    try:
        wish = parse_need({**others, **stand_in}, today=today, known=known)
    except BadNeed as bad:
        raise BadNeed([*faults, *bad.faults]) from bad
    if faults or end is None:
        raise BadNeed(faults)
    return RampNeed(tuple(starts), tuple(quantities), end, _over(wish, starts[0], end))


def _over(wish: Need, start: date, end: date) -> Need:
    length = (end - start).days
    return replace(wish, start_from=start, start_to=start, duration=Range(length, length))


def _steps(value: Any, today: date, faults: list[Fault]) -> tuple[list[date], list[int], date | None]:
    right = 'Send {"steps": [{"from": "2027-02-01", "quantity": 64}, …], "end_exclusive": "2028-02-01"}.'
    if not isinstance(value, Mapping):
        faults.append(Fault("/ramp", "invalid", right))
        return [], [], None
    for name in sorted(set(value) - {"steps", "end_exclusive"}):
        faults.append(Fault(f"/ramp/{name}", "unknown_field", right))
    steps = value.get("steps")
    if not isinstance(steps, list) or not 1 <= len(steps) <= MOST_STEPS:
        faults.append(Fault("/ramp/steps", "invalid", f"Send a list of 1 to {MOST_STEPS} steps. {right}"))
        return [], [], None
    starts: list[date] = []
    quantities: list[int] = []
    for number, step in enumerate(steps):
        _step(step, f"/ramp/steps/{number}", today, starts, quantities, faults)
    end = parse_date(value, "end_exclusive", "/ramp", faults)
    if end is not None and starts:
        faults.extend(_end_faults(starts, end))
    return starts, quantities, end


def _step(step: Any, pointer: str, today: date, starts: list[date], quantities: list[int], faults: list[Fault]) -> None:
    """Reads one step; it starts after the one before it."""
    if not isinstance(step, Mapping) or set(step) - {"from", "quantity"}:
        faults.append(Fault(pointer, "invalid", "A step has from and quantity."))
        return
    start = parse_date(step, "from", pointer, faults)
    quantity = step.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= MOST_GPUS:
        faults.append(Fault(f"{pointer}/quantity", "invalid", f"Send a whole number from 1 to {MOST_GPUS}."))
        return
    if start is None:
        return
    tomorrow = today + timedelta(days=1)
    if start < tomorrow:
        faults.append(Fault(f"{pointer}/from", "in_the_past", f"The first start that can be sold is {tomorrow}."))
    elif starts and start <= starts[-1]:
        faults.append(Fault(f"{pointer}/from", "not_after", f"A step starts after the one before it, {starts[-1]}."))
    starts.append(start)
    quantities.append(quantity)


def _end_faults(starts: list[date], end: date) -> Iterator[Fault]:
    if end <= starts[-1]:
        yield Fault("/ramp/end_exclusive", "before_from", f"A ramp ends after its last step, {starts[-1]}.")
    elif (end - starts[0]).days > LONGEST_BLOCK_DAYS:
        yield Fault("/ramp/end_exclusive", "too_far", f"A ramp has at most {LONGEST_BLOCK_DAYS} days.")
