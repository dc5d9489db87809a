"""What a service spec says field by field, which way is better, and whether a wish for it is met: pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

MORE, LESS, SAME, ALL = "more is better", "less is better", "one of a kind", "all that are named"
# Every field that may be wished for, with its direction. A spec may say more; that is read, and not wished for.
DIRECTIONS: dict[str, str] = {
    "delivery": SAME,
    "fabric": SAME,
    "nvlink_domain_gpus": MORE,
    "network_gbps_per_gpu": MORE,
    "cpu_cores_per_gpu": MORE,
    "host_memory_gb_per_gpu": MORE,
    "local_nvme_tb_per_gpu": MORE,
    "network_storage_tb_per_gpu": MORE,
    "egress_usd_per_gb": LESS,
    "spare_nodes_percent": MORE,
    "certifications": ALL,
}
BOUNDS = {MORE: "min", LESS: "max"}
BOUND_WORDS = {"min": " or more", "max": " or less"}
EXAMPLE = 'Send an object such as {"delivery": "bare metal", "nvlink_domain_gpus": {"min": 8}}.'
LONGEST_TEXT, MOST_TEXTS, LARGEST = 100, 20, 1e9

Found = tuple[str, str, str]  # where inside /service, a code, what would be right


@dataclass(frozen=True)
class ServiceWish:
    """One field of a spec as it is wished for: `how` is exactly, min, max or all. A tuple where several are named."""

    field: str
    how: str
    value: Any

    def as_json(self) -> Any:
        """As it was sent: 8, {"min": 8}, "bare metal" or ["ISO 27001"]."""
        if self.how == "all":
            return list(self.value)
        return self.value if self.how == "exactly" else {self.how: self.value}

    def met_by(self, document: Mapping[str, Any]) -> bool:
        """Whether a spec's field is equal or better. A spec without the field, or with one of another kind, is not."""
        has = document.get(self.field)
        if self.how == "all":
            return isinstance(has, list) and set(self.value) <= {each for each in has if isinstance(each, str)}
        if isinstance(self.value, str):
            return bool(has == self.value)
        if not isinstance(has, int | float) or isinstance(has, bool):
            return False
        return bool({"min": has >= self.value, "max": has <= self.value}.get(self.how, has == self.value))

    def __str__(self) -> str:
        """`nvlink_domain_gpus of 8 or more`."""
        named = ", ".join(self.value) if self.how == "all" else str(self.value)
        return f"{self.field} {named}{BOUND_WORDS.get(self.how, '')}"


EQUAL, BETTER, WORSE = "equal", "better", "worse"


@dataclass(frozen=True)
class Compared:
    """A field of two specs: what one has, what the other offers in its place, and how that compares."""

    field: str
    has: Any
    offers: Any
    verdict: str

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "has": self.has, "offers": self.offers, "verdict": self.verdict}


def compared(has: Mapping[str, Any], offers: Mapping[str, Any]) -> tuple[Compared, ...]:
    """A spec against another that would take its place, field by field: "equal or better" is that none is worse.

    A field that is not offered is worse, one that only the other has is better; one without a direction must be equal.
    """
    return tuple(
        Compared(field, has.get(field), offers.get(field), _verdict(field, has, offers))
        for field in sorted({*has, *offers})
    )


def _verdict(field: str, has: Mapping[str, Any], offers: Mapping[str, Any]) -> str:
    if field not in offers:
        return WORSE
    if field not in has:
        return BETTER
    old, new = has[field], offers[field]
    if old == new:
        return EQUAL
    way = DIRECTIONS.get(field)
    if way in BOUNDS and _is_number(old) and _is_number(new):
        return BETTER if (new > old) == (way == MORE) else WORSE
    if way == ALL and isinstance(old, list) and isinstance(new, list):
        return EQUAL if set(old) == set(new) else BETTER if set(old) < set(new) else WORSE
    return WORSE


def equal_or_better(rows: Sequence[Compared]) -> bool:
    return all(row.verdict != WORSE for row in rows)


def read_wishes(body: Any) -> tuple[tuple[ServiceWish, ...], list[Found]]:
    """The wishes in a body such as {"nvlink_domain_gpus": {"min": 8}}, and everything that is wrong with it."""
    if not isinstance(body, Mapping):
        return (), [("", "invalid", EXAMPLE)]
    wishes, faults = [], []
    for field, value in body.items():
        wrong = list(_faults(field, value))
        faults += wrong
        if not wrong:
            wishes.append(_wish(field, value))
    return tuple(wishes), faults


def _faults(field: str, value: Any) -> Iterator[Found]:
    way = DIRECTIONS.get(field)
    if way is None:
        yield f"/{field}", "unknown_field", f"There is no such field. Known fields: {', '.join(DIRECTIONS)}."
    elif way == SAME and not _is_text(value):
        yield f"/{field}", "invalid", 'Send the text that it must be, such as "bare metal".'
    elif way == ALL and not (isinstance(value, list) and 1 <= len(value) <= MOST_TEXTS and all(map(_is_text, value))):
        yield f"/{field}", "invalid", f'Send a list of 1 to {MOST_TEXTS} texts that must all be there: ["ISO 27001"].'
    elif way in BOUNDS:
        number = value.get(BOUNDS[way]) if isinstance(value, Mapping) and set(value) == {BOUNDS[way]} else value
        if not _is_number(number) or not 0 <= number <= LARGEST:
            yield f"/{field}", "invalid", f'Send {{"{BOUNDS[way]}": 8}} ({way}), or a number that it must be exactly.'


def _wish(field: str, value: Any) -> ServiceWish:
    if isinstance(value, Mapping):
        ((how, number),) = value.items()
        return ServiceWish(field, how, number)
    if isinstance(value, list):
        return ServiceWish(field, "all", tuple(dict.fromkeys(value)))
    return ServiceWish(field, "exactly", value)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_TEXT
