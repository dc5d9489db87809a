"""The rules of the market in a few lines, in memory: what the product must agree with after every action.

Nothing here is stored that can be worked out: who has what follows from the deals, their states and the clock. Days are
offsets into the window that is sold here.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

CLASSES = ("firm", "standard", "standby")
OPEN, ACCEPTED, RELEASED, EXPIRED, REPLACED = "open", "accepted", "released", "expired", "replaced"
PENDING = ("pending_approval", "pending_payment")
RUNNING = ("delivering", "delivered")
COMMITTED = ("scheduled", *RUNNING, "ended")
HOLD = timedelta(minutes=20)
DAY = timedelta(days=1)
ACCEPTANCE_DAYS = 1
# From which states each change may be asked for and made.
SOURCES = {
    "cancel": ("pending_payment", "scheduled"),
    "end_early": RUNNING,
    "extend": ("scheduled", *RUNNING),
    "resize": ("scheduled", *RUNNING),
    "move": ("scheduled",),
    "assign": ("scheduled", *RUNNING),
}
Gpus = dict[int, int]  # by day


def block(start: int, end: int, quantity: int) -> Gpus:
    return dict.fromkeys(range(start, end), quantity)


@dataclass
class Deal:
    """A quote, and the reservation that it may have become."""

    quote: str
    who: str  # who has it
    firmness: str
    gpus: Gpus
    price: Decimal  # of the quote
    expires_at: datetime
    first: datetime  # the moment at which the window begins
    status: str = OPEN
    bundle: str = ""
    buyer: str = ""  # whose quote it was
    reservation: str = ""
    state: str = ""
    deadline: datetime | None = None
    total: Decimal = Decimal(0)  # of the reservation
    charged: Decimal = Decimal(0)  # to the budget of who has it
    revision: int = 0  # how often it was changed

    def __post_init__(self) -> None:
        self.buyer = self.who

    @property
    def start(self) -> int:
        return min(self.gpus)

    @property
    def end(self) -> int:
        return max(self.gpus) + 1

    def quote_state(self, now: datetime) -> str:
        return EXPIRED if self.status == OPEN and self.expires_at <= now else self.status

    def reservation_state(self, now: datetime) -> str:
        if self.state in PENDING:
            return "released" if self.deadline is not None and self.deadline <= now else self.state
        if self.state != "scheduled" or now < self.first + self.start * DAY:
            return self.state
        if now < self.first + min(self.start + ACCEPTANCE_DAYS, self.end) * DAY:
            return "delivering"
        return "delivered" if now < self.first + self.end * DAY else "ended"

    def has_capacity(self, now: datetime) -> bool:
        if self.reservation:
            return self.reservation_state(now) in (*PENDING, *COMMITTED)
        return self.quote_state(now) == OPEN

    @property
    def gpu_hours(self) -> int:
        return sum(self.gpus.values()) * 24


@dataclass
class Change:
    """A quote for a change of a reservation: it holds what it adds, and is good for the reservation as it was."""

    quote: str
    who: str
    deal: Deal
    kind: str
    after: Gpus
    added: Gpus
    expires_at: datetime
    revision: int
    status: str = OPEN

    def quote_state(self, now: datetime) -> str:
        return EXPIRED if self.status == OPEN and self.expires_at <= now else self.status


@dataclass
class Entry:
    """A wish on the waitlist, and the offers that it was made, oldest first."""

    public_id: str
    who: str
    firmness: str
    gpus: Gpus
    affordable: bool
    ended: bool = False
    offers: list[Deal] = field(default_factory=list)
    rests_until: datetime | None = None
    settled: bool = False  # whether a sweep has written down what became of the last offer

    def waits(self, now: datetime) -> bool:
        rests = self.rests_until is not None and self.rests_until > now
        return not (self.ended or rests or (self.offers and self.offers[-1].quote_state(now) in (OPEN, ACCEPTED)))


@dataclass
class Model:
    """One pool over a window of days; what organisations may hold; and one organisation's budget."""

    days: int
    limits: tuple[int, int, int]
    outside: tuple[int, int, int]  # the limits on other days
    hold_limit: int
    budget: Decimal
    deals: dict[str, Deal] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    line: list[Entry] = field(default_factory=list)  # the waitlist, in the order in which they joined

    def use(self, firmness: int, day: int, now: datetime) -> int:
        """Nested: the class and all firmer ones."""
        sold = sum(
            deal.gpus.get(day, 0)
            for deal in self.deals.values()
            if deal.has_capacity(now) and CLASSES.index(deal.firmness) <= firmness
        )
        return sold + sum(
            change.added.get(day, 0)
            for change in self.changes.values()
            if change.quote_state(now) == OPEN and CLASSES.index(change.deal.firmness) <= firmness
        )

    def room(self, firmness: int, day: int, now: datetime) -> int:
        limits = self.limits if 0 <= day < self.days else self.outside
        return min(limits[outer] - self.use(outer, day, now) for outer in range(firmness, 3))

    def fits(self, firmness: str, gpus: Gpus, now: datetime) -> bool:
        return all(self.room(CLASSES.index(firmness), day, now) >= quantity for day, quantity in gpus.items())

    def held(self, who: str, now: datetime) -> int:
        """GPU-hours that an organisation holds unbought."""
        quotes = sum(d.gpu_hours for d in self.deals.values() if d.buyer == who and d.quote_state(now) == OPEN)
        changes = (c for c in self.changes.values() if c.who == who and c.quote_state(now) == OPEN)
        return quotes + sum(24 * sum(change.added.values()) for change in changes)

    def may_hold(self, who: str, gpus: Gpus, now: datetime) -> bool:
        return self.held(who, now) + 24 * sum(gpus.values()) <= self.hold_limit

    def budget_used(self, who: str, now: datetime) -> Decimal:
        return sum(
            (
                deal.charged
                for deal in self.deals.values()
                if deal.who == who and deal.reservation and deal.reservation_state(now) != "released"
            ),
            Decimal(0),
        )
