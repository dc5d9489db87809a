"""What either side did or reported about a delivery, written once, each act sealed with the one before it."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from marketplace.journal.actor import Actor
from reservations.booking.models import Reservation
from reservations.delivery.models import Delivery, DeliveryAct, NodeResult
from reservations.delivery.verdicts import Result, Verdict, judge, latest


def delivery_of(reservation: Reservation) -> Delivery:
    """Its delivery, begun with the first act; the reservation is locked by the caller."""
    return Delivery.objects.get_or_create(reservation=reservation)[0]


def write_down(
    delivery: Delivery, *, kind: str, side: str, by: Actor, said: dict[str, Any], now: datetime
) -> DeliveryAct:
    """The next act of a delivery, whose reservation is locked by the caller."""
    before = delivery.acts.order_by("-number").first()
    act = DeliveryAct(
        delivery=delivery,
        number=before.number + 1 if before else 1,
        kind=kind,
        side=side,
        round=delivery.round,
        at=now,
        by=by.label,
        by_user_id=by.user_id,
        by_key_id=by.key_id,
        said=said,
    )
    act.digest = digest_of(act, before.digest if before else "")
    act.save(force_insert=True)
    return act


def digest_of(act: DeliveryAct, before: str) -> str:
    """SHA-256 over the digest before and everything that the act says; of results, over every figure in `said`."""
    content = [before, act.number, act.kind, act.side, act.round, act.at.isoformat(), act.by, act.said]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def broken_seals(delivery: Delivery) -> list[int]:
    """Numbers of the acts whose digest is not that of their content and of the act before: none, unless tampered."""
    found, before, expected = [], "", 1
    for act in delivery.acts.order_by("number"):
        if act.digest != digest_of(act, before) or act.number != expected:
            found.append(act.number)
        before, expected = act.digest, act.number + 1
    return found


def results_of(delivery: Delivery, *, round: int | None = None) -> list[Result]:
    """The figures that were reported in a round (the present one), oldest first, whoever reported them."""
    wanted = delivery.round if round is None else round
    rows = NodeResult.objects.filter(act__delivery=delivery, act__round=wanted).order_by("id")
    return [Result(*row) for row in rows.values_list("node", "test", "value")]


def verdict_of(reservation: Reservation, delivery: Delivery, open_nodes: int) -> Verdict:
    """How the present round stands against the contract's tests."""
    tests = reservation.quote.contract_terms.tests
    return judge(tests, latest(results_of(delivery)), nodes=open_nodes)


COLUMNS = ("number", "at", "side", "by", "act", "round", "node", "test", "value", "said", "digest")


def as_rows(delivery: Delivery, *, side: str, since: datetime | None = None) -> Iterator[list[object]]:
    """Everything, in order: a row an act, and one more for each figure that it reported.

    Who of its people acted is a side's own: `side` reads the names of its own, and of the other that it was the other.
    """
    acts = delivery.acts.order_by("number")
    for act in acts if since is None else acts.filter(at__gte=since):
        said = {name: value for name, value in act.said.items() if name != "results"}
        by = act.by if act.side == side else ""
        common = [act.number, act.at.isoformat(), act.side, by, act.kind, act.round]
        yield [*common, "", "", "", json.dumps(said, sort_keys=True), act.digest]
        for node, test, value in act.results.order_by("id").values_list("node", "test", "value").iterator():
            yield [*common, node or "fabric", test, f"{value.normalize():f}", "", act.digest]
