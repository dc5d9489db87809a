"""What a buyer asks for, checked once: every door (page, REST, admin) builds its need here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeGuard

from marketplace.catalogue.service import ServiceWish, read_wishes
from marketplace.units.firmness import FIRMNESS
from pricing.quotes.ranking import CHEAPEST, SORTS

LONGEST_BLOCK_DAYS = 1825
WIDEST_WINDOW_DAYS = 2557
LATEST_START_DAYS = 3650  # from today: beyond any horizon, and before dates run out
MOST_GPUS = 1_000_000
FIELDS = (
    "accelerators",
    "quantity",
    "duration_days",
    "start",
    "firmness",
    "sites",
    "jurisdictions",
    "sellers",
    "service",
    "divisible",
    "sort",
    "relax",
    "prepayment_percent",
)
NAMES = ("accelerators", "sites", "jurisdictions", "sellers")


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request: where (JSON pointer), a stable code, and what would be right."""

    pointer: str
    code: str
    message: str


class BadNeed(Exception):
    """The need makes no sense; `faults` names every field at fault, not only the first."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.message}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Range:
    """Whole numbers from least to most, both included."""

    least: int
    most: int

    def as_json(self) -> int | dict[str, int]:
        return self.least if self.least == self.most else {"min": self.least, "max": self.most}


@dataclass(frozen=True)
class Need:
    """A wish for capacity. Empty tuples mean "any"; start_from and start_to are both allowed starts.

    `sort` is the order of the offers. `relax` asks what relaxing each wish would save; it is no wish itself.
    """

    quantity: Range
    duration: Range
    start_from: date
    start_to: date
    firmness: str
    accelerators: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    divisible: bool = False
    sellers: tuple[str, ...] = ()
    service: tuple[ServiceWish, ...] = ()
    sort: str = CHEAPEST
    relax: bool = False
    prepayment: int = 0  # percent of the total paid up front

    @property
    def is_range(self) -> bool:
        """With a range of sizes or lengths, offers are compared per GPU-hour and not by total."""
        return self.quantity.least != self.quantity.most or self.duration.least != self.duration.most

    def as_json(self) -> dict[str, Any]:
        """The body that would ask for this need again: the wishes alone, so `relax` is not in it."""
        body: dict[str, Any] = {
            "quantity": self.quantity.as_json(),
            "duration_days": self.duration.as_json(),
            "start": {
                "from": self.start_from.isoformat(),
                "to": self.start_to.isoformat(),
            },
            "firmness": self.firmness,
        }
        body |= {name: list(getattr(self, name)) for name in NAMES if getattr(self, name)}
        if self.service:
            body["service"] = {wish.field: wish.as_json() for wish in self.service}
        if self.sort != CHEAPEST:
            body["sort"] = self.sort
        if self.prepayment:
            body["prepayment_percent"] = self.prepayment
        return body | ({"divisible": True} if self.divisible else {})


def parse_need(body: Any, *, today: date, known: Mapping[str, frozenset[str]]) -> Need:
    """Checks a need as it comes from outside. `known` has the accelerators, sites, jurisdictions and sellers there are.

    Raises BadNeed with every fault. Nothing is guessed: an unknown field is refused, not ignored.
    """
    if not isinstance(body, Mapping):
        raise BadNeed([Fault("", "not_an_object", "Send an object with the fields of a need.")])
    faults = [
        Fault(
            f"/{name}",
            "unknown_field",
            f"There is no such field. Known fields: {', '.join(FIELDS)}.",
        )
        for name in body
        if name not in FIELDS
    ]
    quantity = _range(body, "quantity", MOST_GPUS, faults)
    duration = _range(body, "duration_days", LONGEST_BLOCK_DAYS, faults)
    start_from, start_to = _window(body.get("start"), today, faults)
    firmness = body.get("firmness")
    if not isinstance(firmness, str) or firmness not in FIRMNESS:
        faults.append(Fault("/firmness", _missing(firmness), f"Choose one of {', '.join(FIRMNESS)}."))
    chosen = {name: _names(body, name, known, faults) for name in NAMES}
    service, wrong = read_wishes(body.get("service", {}))
    faults += [Fault(f"/service{where}", code, message) for where, code, message in wrong]
    sort = body.get("sort", CHEAPEST)
    if not isinstance(sort, str) or sort not in SORTS:
        faults.append(Fault("/sort", "invalid", f"Choose one of {', '.join(SORTS)}, or leave it out for {CHEAPEST}."))
    prepayment = body.get("prepayment_percent", 0)
    if not _whole(prepayment) or not 0 <= prepayment <= 100:
        faults.append(Fault("/prepayment_percent", "invalid", "Send a whole number from 0 to 100, or leave it out."))
    divisible, relax = (_flag(body, name, faults) for name in ("divisible", "relax"))
    if faults or quantity is None or duration is None or start_from is None or start_to is None:
        raise BadNeed(faults)
    return Need(
        quantity,
        duration,
        start_from,
        start_to,
        str(firmness),
        service=service,
        divisible=divisible,
        sort=str(sort),
        relax=relax,
        prepayment=int(prepayment),
        **chosen,
    )


def parse_stored(body: Mapping[str, Any]) -> Need:
    """A need that was checked when it was stored: what it names may not be on sale any more, nor its dates ahead."""
    named: dict[str, list[str]] = {name: body.get(name, []) for name in NAMES}
    before = date.fromisoformat(body["start"]["from"]) - timedelta(days=1)
    return parse_need(body, today=before, known={name: frozenset(value) for name, value in named.items()})


def _flag(body: Mapping[str, Any], name: str, faults: list[Fault]) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        faults.append(Fault(f"/{name}", "invalid", "Send true or false."))
    return value is True


def _missing(value: Any) -> str:
    return "required" if value is None else "invalid"


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _range(body: Mapping[str, Any], name: str, most: int, faults: list[Fault]) -> Range | None:
    value = body.get(name)
    right = f'Send a whole number from 1 to {most}, or {{"min": …, "max": …}}.'
    if isinstance(value, Mapping):
        for extra in sorted(set(value) - {"min", "max"}):
            faults.append(Fault(f"/{name}/{extra}", "unknown_field", "A range has min and max."))
        low, high = value.get("min"), value.get("max")
        if not (_whole(low) and _whole(high) and 1 <= low <= high <= most):
            faults.append(
                Fault(
                    f"/{name}",
                    "invalid",
                    right + " The minimum must not be above the maximum.",
                )
            )
            return None
        return Range(low, high)
    if not _whole(value) or not 1 <= value <= most:
        faults.append(Fault(f"/{name}", _missing(value), right))
        return None
    return Range(value, value)


def _window(value: Any, today: date, faults: list[Fault]) -> tuple[date | None, date | None]:
    if not isinstance(value, Mapping):
        right = 'Send {"from": "2027-02-01", "to": "2027-03-01"}.'
        faults.append(Fault("/start", _missing(value), right))
        return None, None
    for extra in sorted(set(value) - {"from", "to"}):
        faults.append(Fault(f"/start/{extra}", "unknown_field", "A start window has from and to, both included."))
    first, last = parse_date(value, "from", "/start", faults), parse_date(value, "to", "/start", faults)
    if first is None or last is None:
        return None, None
    faults.extend(_window_faults(first, last, today))
    return first, last


def _window_faults(first: date, last: date, today: date) -> Iterator[Fault]:
    tomorrow = today + timedelta(days=1)
    if first < tomorrow:
        yield Fault("/start/from", "in_the_past", f"The first start that can be sold is {tomorrow}.")
    if last < first:
        yield Fault("/start/to", "before_from", f"The last start must not be before the first, {first}.")
    elif (last - today).days > LATEST_START_DAYS:
        yield Fault("/start/to", "too_far", f"The last start is at most {LATEST_START_DAYS} days from today.")
    elif (last - first).days > WIDEST_WINDOW_DAYS:
        yield Fault("/start/to", "too_wide", f"A window has at most {WIDEST_WINDOW_DAYS} days.")


def parse_date(value: Mapping[str, Any], name: str, pointer: str, faults: list[Fault]) -> date | None:
    """The date of that name, written in full; a fault where there is none."""
    text = value.get(name)
    try:
        if not isinstance(text, str) or len(text) != len("2027-02-01"):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        faults.append(Fault(f"{pointer}/{name}", _missing(text), "Send a date such as 2027-02-01."))
        return None


def _names(
    body: Mapping[str, Any], name: str, known: Mapping[str, frozenset[str]], faults: list[Fault]
) -> tuple[str, ...]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        faults.append(
            Fault(
                f"/{name}",
                "invalid",
                "Send a list of strings, or leave it out for any.",
            )
        )
        return ()
    for index, item in enumerate(value):
        if item not in known[name]:
            shown = ", ".join(sorted(known[name])[:12]) or "none"
            faults.append(
                Fault(
                    f"/{name}/{index}",
                    "unknown",
                    f"There is no {item!r} here. Known: {shown}.",
                )
            )
    return tuple(dict.fromkeys(value))
