"""What became of a wish, written down where it happens: asked, quoted, taken or let go."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from marketplace.catalogue.models import Pool
from marketplace.units.period import Period
from marketplace.units.prepared import planned_once
from marketplace.units.writes import Write, insert, insertion, run
from pricing.demand.models import LOST, OFFERED, QUOTE, QUOTED, REFUSED, SEARCH, TAKEN, Enquiry

NAMED = ("accelerators", "sites", "jurisdictions", "sellers")
LONGEST_TRIED = 20  # enquiries of an organisation among which the one that led to a quote is looked for


class Range(Protocol):
    @property
    def most(self) -> int: ...


class Asked(Protocol):
    """A need that can be written down."""

    def as_json(self) -> dict[str, Any]: ...
    @property
    def quantity(self) -> Range: ...
    @property
    def duration(self) -> Range: ...
    @property
    def start_from(self) -> date: ...
    @property
    def start_to(self) -> date: ...
    @property
    def firmness(self) -> str: ...
    @property
    def accelerators(self) -> tuple[str, ...]: ...
    @property
    def sites(self) -> tuple[str, ...]: ...
    @property
    def jurisdictions(self) -> tuple[str, ...]: ...
    @property
    def sellers(self) -> tuple[str, ...]: ...


class Refused(Protocol):
    @property
    def code(self) -> str: ...


class Offered(Protocol):
    @property
    def pool(self) -> Pool: ...
    @property
    def unit_price(self) -> Decimal: ...


class OfferedTogether(Protocol):
    @property
    def parts(self) -> Sequence[Offered]: ...


class Answered(Protocol):
    """What this room knows of a search: searching lies above it."""

    @property
    def need(self) -> Asked: ...
    @property
    def offers(self) -> Sequence[Offered]: ...
    @property
    def refusal(self) -> Refused | None: ...
    @property
    def splits(self) -> Sequence[OfferedTogether]: ...


@planned_once()
def record_enquiry(*, found: Answered, organisation_id: int | None, now: datetime) -> Enquiry:
    """Keeps what was asked for and what the market had for it. One INSERT and no read: every search waits for it."""
    in_parts = [part for split in found.splits for part in split.parts]
    prices = {offer.pool.pk: float(offer.unit_price) for offer in reversed([*found.offers, *in_parts])}
    enquiry = Enquiry(
        **_fields(found.need),
        organisation_id=organisation_id,
        offers=len(found.offers) + len(found.splits),
        refusal=found.refusal.code if found.refusal else "",
        offered_pools=list(prices),
        offered_prices=list(prices.values()),
        outcome=OFFERED if prices else REFUSED,
        source=SEARCH,
        created_at=now,
    )
    insert(enquiry)
    return enquiry


def record_standing_wish(
    *, need: Asked, organisation_id: int, source: str, limit_price: Decimal, now: datetime
) -> Enquiry:
    """Keeps a wish that nothing could serve yet and that goes on: a place on the waitlist, or a bid."""
    return Enquiry.objects.create(
        **_fields(need),
        organisation_id=organisation_id,
        offers=0,
        offered_pools=[],
        offered_prices=[],
        outcome=REFUSED,
        source=source,
        limit_price=limit_price,
        created_at=now,
    )


def quoted(
    *,
    organisation_id: int,
    quote: str,
    pool: Pool,
    firmness: str,
    quantity: int,
    period: Period,
    unit_price: Decimal,
    now: datetime,
) -> tuple[Write, Write]:
    """Joins a new quote to the enquiry that it answers; a quote without one is a wish of its own. What is to be written
    with the quote."""
    columns: dict[str, Any] = {
        "outcome": QUOTED,
        "pool_id": pool.pk,
        "quote": quote,
        "unit_price": unit_price,
        "quoted_at": now,
        "quoted_gpus": quantity,
        "quoted_days": period.days,
    }
    body = {
        "quantity": quantity,
        "duration_days": period.days,
        "start": {"from": period.start.isoformat(), "to": period.start.isoformat()},
        "firmness": firmness,
    }
    wish = Enquiry(
        organisation_id=organisation_id,
        need=body,
        offers=1,
        source=QUOTE,
        wish=wish_of(quantity, period.days, period.start, firmness, [pool.public_id]),
        quantity=quantity,
        days=period.days,
        start_from=period.start,
        start_to=period.start,
        firmness=firmness,
        accelerators=[],
        sites=[],
        jurisdictions=[],
        sellers=[],
        offered_pools=[pool.pk],
        offered_prices=[float(unit_price)],
        created_at=now,
        **columns,
    )
    joined = _joining(columns, organisation_id=organisation_id, firmness=firmness, start=period.start)
    return joined, insertion(wish, unless=joined.name)


def record_replaced(
    *, quote: str, by: str, pool: Pool, quantity: int, period: Period, unit_price: Decimal, now: datetime
) -> None:
    """Another quote stands for the wish from now on: it was negotiated, and is neither lost nor a new wish."""
    Enquiry.objects.filter(quote=quote, ended_at=None).update(
        quote=by, pool=pool, unit_price=unit_price, quoted_at=now, quoted_gpus=quantity, quoted_days=period.days
    )


def taken(*, quote: str, now: datetime) -> Write:
    """The quote was accepted, so the wish is served. What is to be written with the acceptance."""
    return _ending(quote, TAKEN, now)


def record_lost(*, quote: str, now: datetime) -> None:
    """The quote was released or its time ran out: the buyer did not want it at its price."""
    run(_ending(quote, LOST, now))


def wish_of(quantity: int, days: int, start: date, firmness: str, *named: Sequence[str]) -> str:
    """The same for needs that are one wish tried in several ways; `named`: accelerators, sites and the like.

    Sizes and lengths count as the same within a factor of two, starts within a calendar week.
    """
    chosen = ("+".join(sorted(names)) for names in named)
    parts = [str(quantity.bit_length()), str(days.bit_length()), start.strftime("%G-%V"), firmness, *chosen]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def _fields(need: Asked) -> dict[str, Any]:
    quantity, days = need.quantity.most, need.duration.most
    named = {name: list(getattr(need, name)) for name in NAMED}
    return {
        "need": need.as_json(),
        "wish": wish_of(quantity, days, need.start_from, need.firmness, *named.values()),
        "quantity": quantity,
        "days": days,
        "start_from": need.start_from,
        "start_to": need.start_to,
        "firmness": need.firmness,
        **named,
    }


def _joining(columns: Mapping[str, Any], *, organisation_id: int, firmness: str, start: date) -> Write:
    """Writes the quote into the newest of the organisation's last enquiries to which its block was an answer, unless
    there is none without a quote."""
    which = (organisation_id, LONGEST_TRIED, OFFERED, firmness, start, columns["quoted_days"], columns["pool_id"])
    return Write("joined", _JOIN % ", ".join(f"{name} = %s" for name in columns), (*columns.values(), *which, OFFERED))


_JOIN = """
    UPDATE pricing_enquiry SET %s
    WHERE id = (
        SELECT id FROM (
            SELECT * FROM pricing_enquiry WHERE organisation_id = %%s ORDER BY id DESC LIMIT %%s
        ) AS recent
        WHERE outcome = %%s AND firmness = %%s AND %%s BETWEEN start_from AND start_to
            AND days >= %%s AND %%s = ANY(offered_pools)
        ORDER BY id DESC LIMIT 1
    -- Two quotes at once of one enquiry: the second finds it quoted, and is a row of its own with the same wish.
    ) AND outcome = %%s
    RETURNING id
"""


def _ending(quote: str, outcome: str, now: datetime) -> Write:
    return Write("end_of_wish", _END_OF_WISH, (outcome, now, quote))


_END_OF_WISH = "UPDATE pricing_enquiry SET outcome = %s, ended_at = %s WHERE quote = %s AND ended_at IS NULL"
