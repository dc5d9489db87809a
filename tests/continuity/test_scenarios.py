"""Scenarios: kept with what they were worked out under, seen by whom they are for, and gone for ever when deleted."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.models import Entry, Projection
from marketplace.parties.models import User
from marketplace.units import clock
from reservations.continuity import actions
from reservations.continuity.actions import (
    MOST_RESULTS,
    NotTheAuthor,
    ScenarioArchived,
    TooManyScenarios,
    WrongName,
    WrongVisibility,
    change_scenario,
    delete_scenario,
    save_scenario,
    work_out_again,
)
from reservations.continuity.asked import parse_question
from reservations.continuity.holdings import known_places
from reservations.continuity.models import ORGANISATION, PRIVATE, Scenario, ScenarioResult
from reservations.continuity.queries import ScenarioNotFound, may_do, side_by_side, visible, work_out
from tests.continuity.conftest import bought
from tests.market import Market


def buyer(market: Market) -> Actor:
    return market.bank.buyer.as_actor(market.bank.organisation.pk)


def colleague(market: Market) -> Actor:
    return market.bank.approver.as_actor(market.bank.organisation.pk)


def rival(market: Market) -> Actor:
    return market.rival.buyer.as_actor(market.rival.organisation.pk)


def keep(market: Market, name: str = "Doubling", seen_by: str = PRIVATE, by: Actor | None = None) -> Scenario:
    now, whose = clock.now(), market.bank.organisation
    body = {"factor": "2", "from": market.day(20).isoformat()}
    asked = parse_question("growth", body, today=now.date(), known=known_places())
    answer = work_out(question=asked, organisation_id=whose.pk, now=now)
    who = by or buyer(market)
    return change.run(lambda: save_scenario(name=name, visibility=seen_by, answer=answer, organisation=whose, by=who))


def seen(market: Market, who: Actor) -> list[str]:
    assert who.organisation_id is not None
    return [each.name for each in visible(organisation_id=who.organisation_id, to=who)]


def do(action: Callable[..., Any], scenario: Scenario, by: Actor, **more: Any) -> Any:
    whose = by.organisation_id
    return change.run(lambda: action(public_id=scenario.public_id, organisation_id=whose, by=by, **more))


def test_an_answer_is_kept_with_the_versions_behind_it_and_without_its_offers(market: Market) -> None:
    bought(market)
    kept = keep(market).latest
    assert kept.projection == Projection.objects.get(public_id=kept.projection.public_id if kept.projection else "")
    assert len(kept.price_versions) == 2
    assert kept.tape is not None
    text = str(kept.document)
    assert "off_" not in text
    assert kept.document["accelerators"][0]["blocks"][0]["now"]["total"]["currency"] == "USD"


def test_a_private_one_is_its_authors_alone_and_a_shared_one_the_organisations(market: Market) -> None:
    keep(market, "mine")
    keep(market, "ours", ORGANISATION)
    assert seen(market, buyer(market)) == ["ours", "mine"]
    assert seen(market, colleague(market)) == ["ours"]
    assert seen(market, rival(market)) == []


def test_a_key_sees_what_is_shared_and_what_it_kept_itself(market: Market) -> None:
    whose = market.bank.organisation.pk
    key = Actor("a key", organisation_id=whose, key_id=7)
    keep(market, "the key's", by=key)
    keep(market, "the buyer's")
    keep(market, "ours", ORGANISATION)
    assert seen(market, key) == ["ours", "the key's"]
    assert seen(market, Actor("another key", organisation_id=whose, key_id=8)) == ["ours"]
    assert seen(market, buyer(market)) == ["ours", "the buyer's"]


def test_sharing_and_keeping_to_oneself_again(market: Market) -> None:
    kept = keep(market)
    do(change_scenario, kept, buyer(market), visibility=ORGANISATION)
    assert seen(market, colleague(market)) == ["Doubling"]
    do(change_scenario, kept, buyer(market), visibility=PRIVATE)
    assert seen(market, colleague(market)) == []


def test_only_its_author_changes_a_scenario(market: Market) -> None:
    kept = keep(market, seen_by=ORGANISATION)
    tried: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (change_scenario, {"name": "Mine now"}),
        (work_out_again, {}),
        (delete_scenario, {"is_admin": False}),
    ]
    for action, more in tried:
        with pytest.raises(NotTheAuthor):
            do(action, kept, colleague(market), **more)
    fresh = Scenario.objects.get()
    assert (fresh.name, fresh.results.count()) == ("Doubling", 1)


def test_of_somebody_elses_private_scenario_nobody_learns_whether_it_exists(market: Market) -> None:
    kept = keep(market)
    for who in (colleague(market), rival(market)):
        with pytest.raises(ScenarioNotFound):
            do(change_scenario, kept, who, name="Mine now")
        with pytest.raises(ScenarioNotFound):
            do(delete_scenario, kept, who, is_admin=True)
    assert Scenario.objects.get().name == "Doubling"


def test_an_administrator_may_delete_what_is_shared(market: Market) -> None:
    kept = keep(market, seen_by=ORGANISATION)
    do(delete_scenario, kept, colleague(market), is_admin=True)
    assert not Scenario.objects.exists()


def test_what_is_deleted_is_gone_with_its_answers_and_the_journal_has_who(market: Market) -> None:
    kept = keep(market)
    do(work_out_again, kept, buyer(market))
    do(delete_scenario, kept, buyer(market), is_admin=False)
    assert (Scenario.objects.count(), ScenarioResult.objects.count()) == (0, 0)
    entry = Entry.objects.get(verb="scenario.deleted")
    assert (entry.subject, entry.user_id) == (kept.public_id, market.bank.buyer.pk)


def test_what_is_archived_can_be_looked_at_and_brought_back_and_not_worked_out(market: Market) -> None:
    kept = keep(market)
    do(change_scenario, kept, buyer(market), is_archived=True)
    assert seen(market, buyer(market)) == ["Doubling"]
    with pytest.raises(ScenarioArchived):
        do(work_out_again, kept, buyer(market))
    do(change_scenario, kept, buyer(market), is_archived=False)
    assert do(work_out_again, kept, buyer(market)).results.count() == 2


def test_worked_out_again_it_answers_of_now_and_keeps_what_it_said(market: Market) -> None:
    kept = keep(market)
    assert kept.latest.figures["added_gpu_days"]["value"] == 0
    bought(market)
    again = do(work_out_again, kept, buyer(market))
    said = [result.figures["added_gpu_days"]["value"] for result in again.results.order_by("pk")]
    assert said == [0, 64 * 20]


def test_the_first_answer_stays_however_often_it_is_worked_out(market: Market, monkeypatch: Any) -> None:
    monkeypatch.setattr(actions, "MOST_RESULTS", 3)
    kept = keep(market)
    first = kept.latest.pk
    for _ in range(4):
        do(work_out_again, kept, buyer(market))
    rows = list(ScenarioResult.objects.order_by("pk").values_list("pk", flat=True))
    assert rows[0] == first
    assert len(rows) == 3 < MOST_RESULTS


def test_a_name_is_needed_and_a_visibility_is_one_of_two(market: Market) -> None:
    for name in ("", "   ", "x" * 121):
        with pytest.raises(WrongName):
            keep(market, name)
    with pytest.raises(WrongVisibility):
        keep(market, seen_by="the world")
    assert not Scenario.objects.exists()


def test_one_author_keeps_so_many_and_a_colleague_as_many_more(market: Market, monkeypatch: Any) -> None:
    monkeypatch.setattr(actions, "MOST_SCENARIOS", 2)
    keep(market)
    keep(market)
    with pytest.raises(TooManyScenarios):
        keep(market)
    keep(market, by=colleague(market))
    assert Scenario.objects.count() == 3


def test_the_database_refuses_what_no_scenario_is(market: Market) -> None:
    kept = keep(market)
    for field, value in (("name", ""), ("question", "weather"), ("visibility", "world"), ("author_key_id", 3)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Scenario.objects.filter(pk=kept.pk).update(**{field: value})


def test_what_each_may_do(market: Market) -> None:
    kept = keep(market, seen_by=ORGANISATION)
    assert may_do(kept, buyer(market), is_admin=False) == ["work_out", "rename", "share", "archive", "delete"]
    assert may_do(kept, buyer(market), is_admin=False, may_buy=False) == []
    assert may_do(kept, colleague(market), is_admin=True) == ["delete"]
    assert may_do(kept, colleague(market), is_admin=False) == []


def test_side_by_side_each_figure_has_a_value_for_each(market: Market) -> None:
    one = keep(market, "before")
    bought(market)
    found = side_by_side([one, keep(market, "after")])
    rows = {code: values for code, _, values in found.figures}
    assert rows["added_gpu_days"] == (0, 64 * 20)
    assert rows["now_total"][0] is None


def test_a_member_of_two_organisations_keeps_them_apart(market: Market) -> None:
    user = User.objects.get(pk=market.bank.buyer.pk)
    keep(market)
    assert list(visible(organisation_id=market.rival.organisation.pk, to=user.as_actor(None))) == []
