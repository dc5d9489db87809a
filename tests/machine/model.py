"""The rules of the market in a few lines, in memory: what the product must agree with after every action.

Nothing here is stored that can be worked out: who has what follows from the deals, their states and the clock.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

CLASSES = ("firm", "standard", "standby")
OPEN, ACCEPTED, RELEASED, EXPIRED = "open", "accepted", "released", "expired"
PENDING = ("pending_approval", "pending_payment")
COMMITTED = ("scheduled",)
HOLD = timedelta(minutes=20)


@dataclass
class Deal:
    """A quote, and the reservation that it may have become. Days are offsets into the window that is sold here."""

    quote: str
    who: str
    firmness: str
    start: int
    end: int
    quantity: int
    total: Decimal
    expires_at: datetime
    status: str = OPEN
    reservation: str = ""
    state: str = ""
    deadline: datetime | None = None

    def quote_state(self, now: datetime) -> str:
        return EXPIRED if self.status == OPEN and self.expires_at <= now else self.status

    def reservation_state(self, now: datetime) -> str:
        lapsed = self.state in PENDING and self.deadline is not None and self.deadline <= now
        return "released" if lapsed else self.state

    def has_capacity(self, now: datetime) -> bool:
        if self.reservation:
            return self.reservation_state(now) in (*PENDING, *COMMITTED)
        return self.quote_state(now) == OPEN

    @property
    def gpu_hours(self) -> int:
        return self.quantity * (self.end - self.start) * 24


@dataclass
class Model:
    """One pool over a window of days; what organisations may hold; and one organisation's budget."""

    days: int
    limits: tuple[int, int, int]
    hold_limit: int
    budget: Decimal
    deals: dict[str, Deal] = field(default_factory=dict)

    def use(self, firmness: int, day: int, now: datetime) -> int:
        """Nested: the class and all firmer ones."""
        return sum(
            deal.quantity
            for deal in self.deals.values()
            if deal.has_capacity(now) and CLASSES.index(deal.firmness) <= firmness and deal.start <= day < deal.end
        )

    def room(self, firmness: int, day: int, now: datetime) -> int:
        return min(self.limits[outer] - self.use(outer, day, now) for outer in range(firmness, 3))

    def fits(self, firmness: str, start: int, end: int, quantity: int, now: datetime) -> bool:
        return all(self.room(CLASSES.index(firmness), day, now) >= quantity for day in range(start, end))

    def held(self, who: str, now: datetime) -> int:
        """GPU-hours that an organisation holds unbought."""
        return sum(deal.gpu_hours for deal in self.deals.values() if deal.who == who and deal.quote_state(now) == OPEN)

    def budget_used(self, who: str, now: datetime) -> Decimal:
        return sum(
            (
                deal.total
                for deal in self.deals.values()
                if deal.who == who and deal.reservation and deal.has_capacity(now)
            ),
            Decimal(0),
        )
