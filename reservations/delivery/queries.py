"""What is to be delivered, by whom it may be seen: the seller its own, the customer its own, staff all."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from reservations.booking.late import late_days, open_gpus
from reservations.booking.models import Reservation, ReservationQuerySet
from reservations.booking.states import DELIVERING, ENDED, SCHEDULED
from reservations.delivery.evidence import verdict_of
from reservations.delivery.models import Delivery, Serving
from reservations.delivery.verdicts import Verdict

DUE_AHEAD = timedelta(days=30)
KEPT = timedelta(days=60)
MOST = 500


@dataclass(frozen=True)
class Standing:
    """A delivery as it stands at a moment: everything that a page or a program shows of it."""

    reservation: Reservation
    delivery: Delivery | None
    state: str
    late_days: int
    nodes: int  # not accepted yet
    verdict: Verdict | None  # of what is handed over and not accepted yet
    accept_until: date | None  # silence has become acceptance as this day begins
    notice_by: date | None  # the last day on which the contract's ready notice can be given in time
    served_by: tuple[tuple[str, int], ...]  # project (empty: none is ready in time), GPUs

    @property
    def steps(self) -> list[tuple[str, str, date | None]]:
        """Done, waits (the first that is not) or later; what; and when it was, will be or should be: for a page."""
        given, block = self.delivery, self.reservation
        is_over = self.state in ("delivered", ENDED) and block.delivered_on is not None
        is_handed = block.handed_over_on is not None
        notice = given.ready_on if given and given.ready_on else None
        back = given.handed_back_on if given else None
        done: list[tuple[bool, str, date | None]] = [
            (is_handed or notice is not None, "Ready notice", notice or self.notice_by),
            (is_handed, "Hand-over", block.handed_over_on or notice or block.start),
            (is_over, "Acceptance", block.delivered_on),
            (self.state == ENDED, "Last day", block.end - timedelta(days=1)),
            (back is not None, "Hand-back", back),
        ]
        first = next((number for number, step in enumerate(done) if not step[0]), len(done))
        return [
            ("done" if is_done else "waits" if number == first else "later", what, when)
            for number, (is_done, what, when) in enumerate(done)
        ]


def standing_of(reservation: Reservation, now: datetime, *, sees_project: bool) -> Standing:
    delivery = Delivery.objects.filter(reservation=reservation).first()
    state, contract = reservation.state(now), reservation.quote.contract_terms
    nodes = -(-open_gpus(reservation) // reservation.pool.lot)
    waits = state == DELIVERING and reservation.handed_over_on is not None
    return Standing(
        reservation=reservation,
        delivery=delivery,
        state=state,
        late_days=late_days(reservation, now),
        nodes=nodes,
        verdict=verdict_of(reservation, delivery, nodes) if waits and delivery else None,
        accept_until=reservation.delivered_on if waits else None,
        notice_by=reservation.start - timedelta(days=contract.ready_notice_days) if contract.by_provider else None,
        served_by=tuple(served_by(reservation)) if sees_project else (),
    )


def served_by(reservation: Reservation) -> list[tuple[str, int]]:
    """Names of the projects that serve it, as worked out last, with the GPUs of each; what none serves is nameless."""
    rows = Serving.objects.current().filter(reservation=reservation).select_related("project")
    found: dict[str, int] = {}
    for each in rows:
        name = each.project.name if each.project else ""
        found[name] = max(found.get(name, 0), each.gpus)
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


def deliveries_due(now: datetime, *, seller_id: int | None) -> ReservationQuerySet:
    """What a seller (None: anybody) has to do: hand over soon or late, answer a test, take back. Soonest first."""
    rows = Reservation.objects.all() if seller_id is None else Reservation.objects.sold_by(seller_id)
    today = now.date()
    to_give = Q(status=SCHEDULED, handover="provider", start__lte=today + DUE_AHEAD, end__gt=today)
    to_answer = Q(status=DELIVERING, handover="provider", end__gt=today)
    to_take_back = Q(status__in=("delivered", ENDED), end__lte=today, end__gt=today - KEPT) & (
        Q(delivery=None) | Q(delivery__handed_back_on=None)
    )
    found = rows.with_terms().filter(to_give | to_answer | to_take_back)
    return found.select_related("delivery").order_by("start", "id")
