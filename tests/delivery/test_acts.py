"""What the two sides do about a delivery, from notice to hand-back; and its evidence."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from marketplace.outbox.models import Event
from marketplace.units import clock
from reservations.booking import states
from reservations.booking.delivery import HandoverTooEarly
from reservations.booking.late import Portion, late_portions
from reservations.booking.lifecycle import NotInThisState, NotYourRole, ReservationNotFound
from reservations.delivery import actions
from reservations.delivery.dates import delivery_entries
from reservations.delivery.ending import remind
from reservations.delivery.evidence import as_rows, broken_seals
from reservations.delivery.models import Delivery, DeliveryAct, EndNotice, NodeResult
from reservations.delivery.queries import deliveries_due, standing_of
from reservations.delivery.references import LooksLikeSecret, NotAReference
from reservations.delivery.verdicts import Result
from reservations.tasks import remind_of_ends, settle_due_reservations
from tests.delivery.conftest import NODES, Site, results

pytestmark = pytest.mark.django_db
WHY = "Two nodes have failed the burn-in"


def told(name: str) -> set[str]:
    """Who heard of it."""
    rows = Event.objects.filter(name=name).values_list("organisation_id", flat=True)
    return {str(row) for row in rows}


def test_from_notice_to_hand_back(site: Site) -> None:
    block, bank = site.block, str(site.market.bank.organisation.pk)
    seller = str(site.market.seller.organisation.pk)
    notice = site.provider("say_ready", -9, ready_on=block.start, contact="Anna Berg")
    assert (notice.ready_on, notice.contact) == (block.start, "Anna Berg")
    given = site.give(-1)
    assert (given.round, given.access_reference) == (1, "ticket 4711")
    site.provider("post_results", -1, results=results(fabric=""))
    site.customer("post_results", 0, results=results()[:1])
    verdict = standing_of(site.fresh(), site.at(0), sees_project=True).verdict
    assert verdict is not None
    assert verdict.passes
    site.customer("accept", 1)
    assert site.fresh().state(site.at(1)) == states.DELIVERED
    with clock.frozen(site.at(30)):
        settle_due_reservations()
    back = site.provider("hand_back", 31)
    assert (back.handed_back_on, back.free_from) == (block.end + timedelta(days=1),) * 2
    assert [act.kind for act in back.acts.all()] == [
        "ready", "handover", "results", "results", "accepted", "handed_back",
    ]  # fmt: skip
    assert [act.side for act in back.acts.all()] == ["provider"] * 3 + ["customer"] * 2 + ["provider"]
    for name in ("delivery.ready", "delivery.handed_over", "reservation.handed_back"):
        assert told(name) == {bank}, name
    assert told("delivery.accepted") == {bank, seller}
    assert broken_seals(back) == []


def test_a_notice_is_given_as_long_ahead_as_the_contract_says_unless_it_is_too_late_for_that(site: Site) -> None:
    block = site.block
    with pytest.raises(actions.NoticeShort, match="7 days"):
        site.provider("say_ready", -7, ready_on=block.start - timedelta(days=1))
    assert not Delivery.objects.exists()
    assert site.provider("say_ready", -5, ready_on=block.start + timedelta(days=2)).ready_on is not None
    for day in (block.start - timedelta(days=2), block.end):
        with pytest.raises(actions.ReadyDayWrong):
            site.provider("say_ready", -9, ready_on=day)
    assert DeliveryAct.objects.count() == 1


def test_access_is_a_reference_and_never_a_secret(site: Site) -> None:
    for text, error in (("password: hunter2", LooksLikeSecret), ("http://x.example", NotAReference)):
        with pytest.raises(error):
            site.provider("hand_over", 0, contact="desk", access_reference=text)
    with pytest.raises(LooksLikeSecret):
        site.provider("hand_over", 0, contact="root password is hunter2", access_reference="ticket 4711")
    with pytest.raises(HandoverTooEarly):
        site.give(-2)
    assert site.fresh().state(site.at(0)) == states.SCHEDULED
    assert not Delivery.objects.exists()


def test_results_are_all_taken_in_or_none(site: Site) -> None:
    site.give()
    wrong = {
        "no test of this contract": [Result("node-1", "vibes", Decimal(1))],
        "no test of this contract there": [Result("", "burn_in_hours", Decimal(24))],
        "a number from 0": [Result("node-1", "burn_in_hours", Decimal(-1))],
        "stands once a test": [Result("node-1", "burn_in_hours", Decimal(1))] * 2,
        "8 nodes were handed over": results(nodes=[f"n{number}" for number in range(9)], fabric=""),
        "Send 1 to": [],
    }
    for said, posted in wrong.items():
        with pytest.raises(actions.ResultsWrong, match=said):
            site.customer("post_results", 1, results=[*results()[:2], *posted] if "Send" not in said else posted)
    assert not NodeResult.objects.exists()
    assert not DeliveryAct.objects.filter(kind="results").exists()


def test_rejection_names_tests_that_failed_by_the_results(site: Site) -> None:
    site.give()
    for tests in ([], ["burn_in_hours"]):
        with pytest.raises(actions.RejectionUnfounded, match="Failed so far: none"):
            site.customer("reject", 1, tests=tests, reason=WHY)
    site.customer("post_results", 1, results=results("node-3", "node-4"))
    with pytest.raises(actions.RejectionUnfounded, match="burn_in_hours, failed_node_percent"):
        site.customer("reject", 1, tests=["collective_gb_s"], reason=WHY)
    assert site.fresh().handed_over_on is not None
    site.customer("reject", 2, tests=["burn_in_hours"], reason=WHY)
    assert (site.fresh().state(site.at(3)), site.fresh().handed_over_on) == (states.SCHEDULED, None)
    assert told("delivery.rejected") == {
        str(site.market.bank.organisation.pk),
        str(site.market.seller.organisation.pk),
    }
    with pytest.raises(NotInThisState):
        site.customer("post_results", 3, results=results())
    again = site.give(4)
    assert again.round == 2
    assert standing_of(site.fresh(), site.at(4), sees_project=True).verdict.unseen == 8  # type: ignore[union-attr]


def test_a_retest_counts(site: Site) -> None:
    site.give()
    site.customer("post_results", 1, results=results("node-3"))
    site.provider("post_results", 2, results=results()[:])
    verdict = standing_of(site.fresh(), site.at(2), sees_project=True).verdict
    assert verdict is not None
    assert (verdict.passes, verdict.passed) == (True, NODES)


def test_in_part_the_nodes_are_named_and_the_rest_is_handed_over_again(site: Site) -> None:
    site.give()
    site.customer("post_results", 1, results=results("node-3", "node-4"))
    with pytest.raises(actions.NodesUnknown, match="node-99"):
        site.customer("accept", 2, nodes=["node-1", "node-99"])
    good = [node for node in NODES if node not in ("node-3", "node-4")]
    site.customer("accept", 2, nodes=good)
    assert late_portions(site.fresh(), site.at(9)) == [Portion(48, 0), Portion(16, 9)]
    site.give(10)
    with pytest.raises(actions.NodesUnknown, match="node-1: accepted before"):
        site.customer("accept", 10, nodes=["node-1"])
    site.customer("post_results", 10, results=results(nodes=["node-3", "node-4"]))
    site.customer("accept", 11)
    assert late_portions(site.fresh(), site.at(20)) == [Portion(48, 0), Portion(16, 11)]
    kinds = DeliveryAct.objects.values_list("kind", "round")
    assert list(kinds)[-4:] == [("in_part", 1), ("handover", 2), ("results", 2), ("accepted", 2)]


def test_silence_accepts_by_time_whether_or_not_a_sweep_ran_and_both_sides_hear_of_it(site: Site) -> None:
    site.give()
    for hours, state in ((11, states.DELIVERING), (12, states.DELIVERED)):
        assert site.fresh().state(site.at(4, 0) - timedelta(hours=12 - hours)) == state
    with pytest.raises(NotInThisState):
        site.customer("reject", 4, tests=["burn_in_hours"], reason=WHY)
    with clock.frozen(site.at(5)):
        assert (settle_due_reservations(), settle_due_reservations()) == (1, 0)
    assert len(told("delivery.accepted")) == 2


def test_evidence_is_written_once(site: Site) -> None:
    site.give()
    site.customer("post_results", 1, results=results())
    for rows in (DeliveryAct.objects.all(), NodeResult.objects.all()):
        for attempt in (lambda rows=rows: rows.update(id=9), rows.delete):
            with pytest.raises(DatabaseError), transaction.atomic():
                attempt()
    delivery = Delivery.objects.get()
    written = list(as_rows(delivery, side="customer"))
    assert len(written) == 2 + 17
    assert written[0][4:6] == ["handover", 1]
    assert [row[3] for row in written[:2]] == ["", site.market.bank.buyer.email], "the other side's people are its own"


def test_nobody_else_acts(site: Site) -> None:
    block, market = site.block, site.market
    stranger: dict[str, Any] = {"by": market.rival.buyer.as_actor(market.rival.organisation.pk)}
    with clock.frozen(site.at(0)):
        for seller in (market.other_seller, market.bank):
            with pytest.raises(ReservationNotFound):
                actions.hand_over(
                    reservation=block.public_id,
                    contact="x",
                    access_reference="ticket 4711",
                    roles={states.PROVIDER},
                    seller_id=seller.organisation.pk,
                    **stranger,
                )
        with pytest.raises(ReservationNotFound):
            actions.accept(
                reservation=block.public_id,
                roles=states.roles_of_member("buyer"),
                organisation_id=market.rival.organisation.pk,
                **stranger,
            )
    site.give()
    with pytest.raises(NotYourRole):
        site._do(
            "post_results",
            1,
            results=results(),
            roles=states.roles_of_member("viewer"),
            organisation_id=market.bank.organisation.pk,
            **stranger,
        )
    assert DeliveryAct.objects.count() == 1


def test_what_is_in_use_is_not_handed_back_and_nothing_twice(site: Site) -> None:
    site.give()
    with pytest.raises(actions.NotOverYet):
        site.provider("hand_back", 20)
    site.provider("hand_back", 30)
    with pytest.raises(actions.HandedBackBefore):
        site.provider("hand_back", 31)
    assert DeliveryAct.objects.filter(kind="handed_back").count() == 1


def test_the_end_is_told_once_some_days_before_and_again_for_another_end(site: Site) -> None:
    with clock.frozen(site.at(15)):
        assert remind_of_ends() == 0
    with clock.frozen(site.at(16)):
        assert (remind_of_ends(), remind_of_ends()) == (1, 0)
        assert remind(reservation_id=site.block.pk) is None
    assert EndNotice.objects.get().end == site.block.end
    assert len(told("reservation.ending")) == 2


def test_each_seller_has_its_own_list(site: Site) -> None:
    own, other = (party.organisation.pk for party in (site.market.seller, site.market.other_seller))
    early = site.at(-31)
    assert not deliveries_due(early, seller_id=own).exists() or site.block.start - early.date() <= timedelta(days=30)
    assert list(deliveries_due(site.at(0), seller_id=own)) == [site.block]
    assert not deliveries_due(site.at(0), seller_id=other).exists()
    site.give()
    site.customer("accept", 1)
    assert not deliveries_due(site.at(2), seller_id=own).exists()
    assert list(deliveries_due(site.at(31), seller_id=None)) == [site.block]


def test_the_calendar_has_the_dates_of_a_delivery(site: Site) -> None:
    bank = site.market.bank.organisation

    def titles(day: int) -> set[str]:
        return {each.title.split(":")[0] for each in delivery_entries(bank, site.at(day))}

    assert titles(-9) == {"Ends in 14 days"}
    site.provider("say_ready", -9, ready_on=site.block.start)
    assert titles(-8) == {"Access announced", "Ends in 14 days"}
    site.give()
    assert titles(1) == {"Test, accept or reject by now", "Ends in 14 days"}
    site.customer("accept", 1)
    assert titles(2) == {"Ends in 14 days"}
    assert list(delivery_entries(site.market.rival.organisation, site.at(1))) == []
