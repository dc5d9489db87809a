"""What will not recover gets a plan of least harm: stored whole, made again to the bit, and made once."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import Entry, Pool
from marketplace.units import clock
from reservations.allocation.models import PLANNED, WATCHING, AllocationPolicy, Plan, PlannedReservation, Shortfall
from reservations.allocation.plans import make_plan, replay
from reservations.allocation.policies import publish_allocation
from reservations.allocation.remedies import Remedy
from reservations.tasks import watch_due_shortfalls
from tests.market import Market, pool
from tests.slips import away, back, open_slipping_market, projected, reserved

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return open_slipping_market()


def slip(market: Market, *, share: str = "0.01", first: int = 5, end: int = 60) -> None:
    away(market, market.h100, first, end, share=share)
    projected()
    watch_due_shortfalls()


def test_a_block_that_will_not_be_there_is_planned_and_offered_a_wait_with_credit(market: Market) -> None:
    block = reserved(market)
    projected()
    slip(market)
    plan = Plan.objects.get()
    shortfall = Shortfall.objects.get()
    assert (shortfall.state, shortfall.plan, plan.touched) == (PLANNED, plan, 1)
    planned = PlannedReservation.objects.get()
    wait = planned.offered[0]
    assert (planned.reservation, wait["kind"], wait["is_default"]) == (block, "wait", True)
    # Again there from day 60 on, the block's start is day 10 or later.
    assert wait["late_days"] == (market.day(60) - block.start).days
    assert [line["start"] for line in wait["lines"]] == [market.day(60).isoformat()]
    # Half of a day's price for each day from the third on, at most a tenth of the total: the cap.
    assert wait["credit_usd"] == f"{block.total / 10:.2f}"
    assert wait["confidence"] > 0.9
    assert plan.summary["harm_cents"] >= plan.summary["bound_cents"]
    remedy = Remedy.objects.get()
    assert (remedy.reservation, remedy.plan, planned.told) == (block, plan.public_id, "")
    assert "a new cooling loop" in remedy.happened
    default = remedy.choices.get(is_default=True)
    assert (default.kind, default.credit) == ("wait", Decimal(wait["credit_usd"]))
    assert default.late_days == wait["late_days"]
    assert differences() == []


def test_it_is_made_again_to_the_bit(market: Market) -> None:
    reserved(market)
    projected()
    slip(market)
    plan = Plan.objects.get()
    assert replay(public_id=plan.public_id).is_the_same
    out = StringIO()
    call_command("replay_plan", plan.public_id, stdout=out)
    assert "The same, bit for bit." in out.getvalue()
    assert plan.result_digest in out.getvalue()


def test_another_plan_than_the_stored_one_is_found_out(market: Market) -> None:
    """As if the code had changed its mind: the stored digest is another one than what the inputs give."""
    reserved(market)
    projected()
    slip(market)
    plan = Plan.objects.get()
    values = {field.attname: getattr(plan, field.attname) for field in Plan._meta.concrete_fields}
    forged = Plan(**{**values, "id": None, "public_id": "pln_forged", "digest": "1" * 64, "result_digest": "0" * 64})
    forged.save(force_insert=True)
    with pytest.raises(CommandError, match="another one than the plan that is stored"):
        call_command("replay_plan", forged.public_id, stdout=StringIO())
    with pytest.raises(CommandError, match="There is no plan"):
        call_command("replay_plan", "pln_none", stdout=StringIO())


def test_the_same_question_is_asked_once(market: Market) -> None:
    reserved(market)
    projected()
    slip(market)
    watch_due_shortfalls()
    projected()
    watch_due_shortfalls()
    assert Plan.objects.count() == 1
    assert Entry.objects.filter(verb="plan.made").count() == 1


def test_what_may_still_recover_is_watched_without_a_plan(market: Market) -> None:
    reserved(market)
    projected()
    publish(propose_firm="0", recovered_firm="0.9")
    slip(market)
    assert Shortfall.objects.get().state == WATCHING
    assert not Plan.objects.exists()


def test_half_recovered_is_not_recovered_so_the_plan_stands(market: Market) -> None:
    """Between where a remedy is proposed and where the watch ends, nothing happens, however often it alternates."""
    reserved(market, quantity=512)
    projected()
    low = away(market, market.h100, 5, 60, share="0.125")  # 512 of 4,096 before the derate: never enough
    projected()
    watch_due_shortfalls()
    assert Plan.objects.count() == 1
    for share in ("0.1345", "0.125", "0.1345", "0.125"):
        back(low)
        low = away(market, market.h100, 5, 60, share=share)
        projected()
        watch_due_shortfalls()
    assert Plan.objects.count() == 1
    assert [each.state for each in Shortfall.objects.all()] == [PLANNED]


def test_a_stored_plan_is_untouched_by_a_later_policy_and_by_anybody(market: Market) -> None:
    reserved(market)
    projected()
    slip(market)
    plan = Plan.objects.get()
    publish(moved_usd="999999")
    assert replay(public_id=plan.public_id).is_the_same
    for statement in ("UPDATE reservations_plan SET touched = 0", "DELETE FROM reservations_plan"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_an_equal_pool_within_the_wish_is_a_substitute(market: Market) -> None:
    spare = twin(market, jurisdiction="DE")
    block = reserved(market)
    assert block.pool == market.h100
    projected()
    slip(market)
    planned = PlannedReservation.objects.get()
    kinds = [each["kind"] for each in planned.offered]
    assert kinds[:2] == ["wait", "substitute"]
    other = planned.offered[1]
    assert (other["needs_consent"], other["credit_usd"], other["late_days"]) == (True, "0.00", 0)
    assert [line["pool"] for line in other["lines"]] == [spare.public_id]


@pytest.mark.parametrize("wrong", ["jurisdiction", "spec", "seller"])
def test_what_is_outside_the_wish_or_less_is_never_a_substitute(market: Market, wrong: str) -> None:
    seller = market.other_seller if wrong == "seller" else market.seller
    jurisdiction = "US" if wrong == "jurisdiction" else "DE"
    spare = twin(market, jurisdiction=jurisdiction, seller=seller.organisation)
    if wrong == "spec":
        spec = {"delivery": "virtual machine", "spares": "2 %"}
        spare.specs.create(version=2, document=spec, digest="1" * 64, created_at=clock.now())
    reserved(market)
    projected()
    slip(market)
    kinds = [each["kind"] for each in PlannedReservation.objects.get().offered]
    assert "substitute" not in kinds
    assert "move" not in kinds


def test_nothing_is_planned_twice_by_two_workers(market: Market) -> None:
    reserved(market)
    projected()
    slip(market)
    shortfall = Shortfall.objects.get()
    again = change.run(
        lambda: make_plan(seller_id=market.seller.organisation.pk, projection=shortfall.projection, now=clock.now())  # type: ignore[arg-type]
    )
    assert again is None
    assert Plan.objects.count() == 1


def publish(**figures: Any) -> AllocationPolicy:
    draft = AllocationPolicy(starts_at=clock.now(), reason="test", **figures)
    draft.clean_fields(exclude=["version", "published_by"])  # figures as text become decimals
    return change.run(lambda: publish_allocation(policy=draft, by=SYSTEM, now=draft.starts_at))


def twin(market: Market, *, jurisdiction: str, seller: Any = None) -> Pool:
    """A second pool of the same make elsewhere, empty, whose hall stands."""
    made = pool(seller or market.seller.organisation, "h100", "Southfield", jurisdiction, lot=8)
    hall = made.projects.create(campus="Southfield", ordinal=1, name="Hall", gpus=4096, mw=10, h100_equivalents=4096)
    hall.milestones.create(kind="power", planned=market.day(-9), actual=market.day(-9))
    return made
