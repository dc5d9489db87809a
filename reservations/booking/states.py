"""The life of a reservation as one table: its states, what may be done in each, by whom, and what the clock does.

Pure: no database, no clock. `lifecycle.move` is the only place where a reservation goes from one state to another.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

PENDING_APPROVAL, PENDING_PAYMENT, SCHEDULED = "pending_approval", "pending_payment", "scheduled"
DELIVERING, DELIVERED, ENDED = "delivering", "delivered", "ended"
CANCELLED, RELEASED = "cancelled", "released"
STATES = [
    (PENDING_APPROVAL, "Waits for approval"),
    (PENDING_PAYMENT, "Waits for payment"),
    (SCHEDULED, "Scheduled"),
    (DELIVERING, "Handed over"),
    (DELIVERED, "Delivered"),
    (ENDED, "Ended"),
    (CANCELLED, "Cancelled"),
    (RELEASED, "Released"),
]
PENDING = (PENDING_APPROVAL, PENDING_PAYMENT)  # its capacity is held until a deadline, and free after it
COMMITTED = (SCHEDULED, DELIVERING, DELIVERED, ENDED)  # its capacity is its own
RUNNING = (DELIVERING, DELIVERED)
FINAL = (ENDED, CANCELLED, RELEASED)

# Who acts: the roles of marketplace/parties, the two kinds of staff, and the clock. An API key with the scope `commit`
# may do what a buyer may, and with `admin` what an administrator may.
BUYER, APPROVER, ADMIN = "buyer", "approver", "admin"
STAFF, FINANCE, SYSTEM = "staff", "finance", "system"
CUSTOMER = frozenset({BUYER, APPROVER, ADMIN})

APPROVE, DECLINE, WITHDRAW, LAPSE = "approve", "decline", "withdraw", "lapse"
PAY, HAND_OVER, ACCEPT_DELIVERY, END = "pay", "hand_over", "accept_delivery", "end"
CANCEL, END_EARLY = "cancel", "end_early"
EXTEND, RESIZE, MOVE, ASSIGN = "extend", "resize", "move", "assign"


@dataclass(frozen=True)
class Action:
    """What may be done: from which states, into which (none where the state stays as it is), by whom.

    `guard` says in words what else must hold; the action that calls `move` checks it. `by_quote`: it takes a change
    quote, so that price effect, terms and expiry are seen before anything happens.
    """

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    who: frozenset[str]
    guard: str
    by_quote: bool = False
    needs_reason: bool = False


TABLE = (
    Action(
        APPROVE,
        (PENDING_APPROVAL,),
        (PENDING_PAYMENT, SCHEDULED),
        frozenset({APPROVER, ADMIN}),
        "before the deadline, by everybody whom the approval chain names",
    ),
    Action(
        DECLINE,
        (PENDING_APPROVAL,),
        (RELEASED,),
        frozenset({APPROVER, ADMIN}),
        "before the deadline; with a reason",
        needs_reason=True,
    ),
    Action(WITHDRAW, (PENDING_APPROVAL,), (RELEASED,), CUSTOMER, "before the deadline"),
    Action(LAPSE, PENDING, (RELEASED,), frozenset({SYSTEM}), "the deadline has passed"),
    Action(
        PAY,
        (PENDING_PAYMENT,),
        (SCHEDULED,),
        frozenset({FINANCE, SYSTEM}),
        "before the deadline; what is due up front has been received in full",
    ),
    Action(
        HAND_OVER,
        (SCHEDULED,),
        (DELIVERING,),
        frozenset({STAFF, SYSTEM}),
        "at most a day before the first one; by the clock as it begins",
    ),
    Action(
        ACCEPT_DELIVERY,
        (DELIVERING,),
        (DELIVERED,),
        frozenset({BUYER, APPROVER, ADMIN, STAFF, SYSTEM}),
        "handed over; deemed accepted when the acceptance days of the contract are over",
    ),
    Action(END, (DELIVERED,), (ENDED,), frozenset({SYSTEM}), "the last day is over"),
    Action(
        CANCEL,
        (PENDING_PAYMENT, SCHEDULED),
        (CANCELLED,),
        CUSTOMER | {STAFF},
        "before the first day; causes other than convenience and switching by staff, with evidence",
        by_quote=True,
    ),
    Action(
        END_EARLY,
        RUNNING,
        (),
        CUSTOMER | {STAFF},
        "days are left after the notice; causes as for cancelling",
        by_quote=True,
    ),
    Action(EXTEND, (SCHEDULED, *RUNNING), (), CUSTOMER | {STAFF}, "before the last day is over", by_quote=True),
    Action(RESIZE, (SCHEDULED, *RUNNING), (), CUSTOMER | {STAFF}, "before lock time", by_quote=True),
    Action(MOVE, (SCHEDULED,), (), CUSTOMER | {STAFF}, "before lock time", by_quote=True),
    Action(ASSIGN, (SCHEDULED, *RUNNING), (), CUSTOMER | {STAFF}, "with the seller's consent; both sides screened"),
)
ACTIONS = {action.name: action for action in TABLE}

# What the clock does where nobody did anything: state -> action. Deemed until the tests of delivery are there.
BY_CLOCK = {
    PENDING_APPROVAL: LAPSE,
    PENDING_PAYMENT: LAPSE,
    SCHEDULED: HAND_OVER,
    DELIVERING: ACCEPT_DELIVERY,
    DELIVERED: END,
}


@dataclass(frozen=True)
class Schedule:
    """The dates by which the clock moves a reservation. `deadline` is that of a pending state, `delivered_on` the day
    on which delivery is deemed accepted, at most `end`."""

    start: date
    delivered_on: date
    end: date
    deadline: datetime | None = None

    def due_at(self, state: str) -> datetime | None:
        """When the clock moves it out of a state; None out of a final one."""
        if state in PENDING:
            return self.deadline
        first_of = {SCHEDULED: self.start, DELIVERING: self.delivered_on, DELIVERED: self.end}
        return midnight(first_of[state]) if state in first_of else None


def midnight(day: date) -> datetime:
    """The moment at which a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def clock_steps(state: str, schedule: Schedule, now: datetime) -> Iterator[tuple[Action, datetime]]:
    """What the clock has done by `now` to a reservation whose row says `state`, each with the time it took effect."""
    due_at = schedule.due_at(state)
    while due_at is not None and due_at <= now:
        action = ACTIONS[BY_CLOCK[state]]
        yield action, due_at
        (state,) = action.targets
        due_at = schedule.due_at(state)


def state_at(state: str, schedule: Schedule, now: datetime) -> str:
    """The state by the clock, whether or not a sweep has written it down."""
    for action, _ in clock_steps(state, schedule, now):
        (state,) = action.targets
    return state


def allowed(state: str, roles: Collection[str]) -> list[str]:
    """What these roles may do in a state, in the order of the table."""
    return [action.name for action in TABLE if state in action.sources and not action.who.isdisjoint(roles)]


# What a member or a key may do, as the words of the table: an approver buys too, an administrator does both.
OF_MEMBER = {
    "viewer": frozenset[str](),
    BUYER: frozenset({BUYER}),
    APPROVER: frozenset({BUYER, APPROVER}),
    ADMIN: CUSTOMER,
}
OF_SCOPE = {"commit": frozenset({BUYER}), "admin": frozenset({APPROVER, ADMIN})}


def roles_of_member(role: str) -> frozenset[str]:
    return OF_MEMBER[role]


def roles_of_key(scopes: Collection[str]) -> frozenset[str]:
    return frozenset[str]().union(*(OF_SCOPE.get(scope, frozenset()) for scope in scopes))
