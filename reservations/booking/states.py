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

# Who acts: the roles of marketplace/parties, the two kinds of staff, who provides, and the clock. An API key with the
# scope `commit` may do what a buyer may, and with `admin` what an administrator may.
BUYER, APPROVER, ADMIN = "buyer", "approver", "admin"
STAFF, FINANCE, SYSTEM = "staff", "finance", "system"
PROVIDER = "provider"  # people of the pool's seller, or its key with the scope `supply`: of its own pools alone
CUSTOMER = frozenset({BUYER, APPROVER, ADMIN})

APPROVE, DECLINE, WITHDRAW, LAPSE = "approve", "decline", "withdraw", "lapse"
PAY, HAND_OVER, ACCEPT_DELIVERY, END = "pay", "hand_over", "accept_delivery", "end"
ACCEPT_PART, REJECT_DELIVERY = "accept_part", "reject_delivery"
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
        (SCHEDULED, DELIVERING),
        (DELIVERING,),
        frozenset({PROVIDER, STAFF, SYSTEM}),
        "at most a day before the first one; again for what was not accepted; by the clock as that day begins, where "
        "the contract says so",
    ),
    Action(
        ACCEPT_DELIVERY,
        (DELIVERING,),
        (DELIVERED,),
        frozenset({BUYER, APPROVER, ADMIN, STAFF, SYSTEM}),
        "handed over; deemed accepted when the acceptance days of the contract are over",
    ),
    Action(
        ACCEPT_PART,
        (DELIVERING,),
        (DELIVERING,),
        CUSTOMER | {STAFF},
        "handed over by the provider; the nodes that are accepted are named, the rest stays late",
    ),
    Action(
        REJECT_DELIVERY,
        (DELIVERING,),
        (SCHEDULED, DELIVERING),
        CUSTOMER | {STAFF},
        "handed over by the provider; the tests that failed are named; what was accepted before stays so",
        needs_reason=True,
    ),
    Action(
        END,
        (SCHEDULED, DELIVERING, DELIVERED),
        (ENDED,),
        frozenset({SYSTEM}),
        "the last day is over, delivered or not",
    ),
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


@dataclass(frozen=True)
class Schedule:
    """The dates by which the clock moves a reservation. `deadline` is that of a pending state, `delivered_on` the day
    on which delivery is deemed accepted, at most `end`; None while nothing is handed over that could be.

    `by_clock` where the contract hands over by the clock; else the provider does, and until then it is late.
    """

    start: date
    delivered_on: date | None
    end: date
    deadline: datetime | None = None
    by_clock: bool = True

    def next_step(self, state: str) -> tuple[Action, datetime] | None:
        """What the clock does next where nobody does anything, and when; None out of a final state."""
        if state in PENDING:
            assert self.deadline is not None, "pending until a deadline"
            return ACTIONS[LAPSE], self.deadline
        if state == SCHEDULED and self.by_clock:
            return ACTIONS[HAND_OVER], midnight(self.start)
        if state == DELIVERING and self.delivered_on is not None:
            return ACTIONS[ACCEPT_DELIVERY], midnight(self.delivered_on)
        return None if state in FINAL else (ACTIONS[END], midnight(self.end))

    def due_at(self, state: str) -> datetime | None:
        """When the clock moves it out of a state; None out of a final one."""
        step = self.next_step(state)
        return step[1] if step else None


def midnight(day: date) -> datetime:
    """The moment at which a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def clock_steps(state: str, schedule: Schedule, now: datetime) -> Iterator[tuple[Action, datetime]]:
    """What the clock has done by `now` to a reservation whose row says `state`, each with the time it took effect."""
    while (step := schedule.next_step(state)) is not None and step[1] <= now:
        yield step
        (state,) = step[0].targets


def state_at(state: str, schedule: Schedule, now: datetime) -> str:
    """The state by the clock, whether or not a sweep has written it down."""
    for action, _ in clock_steps(state, schedule, now):
        (state,) = action.targets
    return state


def allowed(state: str, roles: Collection[str]) -> list[str]:
    """What these roles may do in a state, in the order of the table."""
    return [action.name for action in TABLE if state in action.sources and not action.who.isdisjoint(roles)]


def ruled_out(state: str, *, by_clock: bool, is_handed_over: bool) -> frozenset[str]:
    """What the table has in a state, and delivery as it stands has not.

    `is_handed_over` where the provider has given access to what is not accepted yet.
    """
    if by_clock:
        again = {HAND_OVER} if state == DELIVERING else set()
        return frozenset({ACCEPT_PART, REJECT_DELIVERY, *again})
    if state != DELIVERING:
        return frozenset()
    return frozenset({HAND_OVER} if is_handed_over else {ACCEPT_DELIVERY, ACCEPT_PART, REJECT_DELIVERY})


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
