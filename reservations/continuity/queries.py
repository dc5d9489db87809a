"""A question answered for an organisation, and the scenarios that somebody there may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from marketplace.journal.actor import Actor
from marketplace.supply.models import Projection
from marketplace.supply.queries import latest_projection
from pricing.curve.models import PriceVersion, Tape
from pricing.curve.queries import current_versions
from reservations.continuity import closures, growths, outages
from reservations.continuity.asked import Closure, Growth, Outage, Question
from reservations.continuity.holdings import Holdings, holdings
from reservations.continuity.models import ORGANISATION, Scenario, ScenarioQuerySet

MOST_COMPARED = 4


class ScenarioNotFound(Exception):
    """There is no such scenario, or it is somebody else's alone: the two cannot be told apart."""


@dataclass(frozen=True)
class Answer:
    """What a question was answered with, and under which projection, price versions and tape."""

    question: Question
    document: dict[str, Any]
    at: datetime
    projection: Projection | None
    price_versions: tuple[str, ...]
    tape: datetime | None


def work_out(*, question: Question, organisation_id: int, now: datetime) -> Answer:
    """Answers a question from the organisation's own portfolio and the market as it is. Writes nothing: not even the
    enquiry, since nobody asks to buy yet."""
    found = holdings(organisation_id=organisation_id, now=now)
    versions = PriceVersion.objects.filter(pk__in=current_versions().values()).order_by("pk")
    return Answer(
        question=question,
        document=_answered(question, found),
        at=now,
        projection=latest_projection(),
        price_versions=tuple(versions.values_list("public_id", flat=True)),
        tape=Tape.objects.values_list("tick", flat=True).first(),
    )


def _answered(question: Question, found: Holdings) -> dict[str, Any]:
    if isinstance(question, Outage):
        return outages.answer(question, found)
    if isinstance(question, Growth):
        return growths.answer(question, found)
    assert isinstance(question, Closure)
    return closures.answer(question, found)


def visible(*, organisation_id: int, to: Actor) -> ScenarioQuerySet:
    """The organisation's scenarios that this person or key may see: those of the organisation, and its own."""
    seen = Q(visibility=ORGANISATION)
    if to.key_id is not None:
        seen |= Q(author_key_id=to.key_id)
    elif to.user_id is not None:
        seen |= Q(author_user_id=to.user_id)
    return Scenario.objects.of(organisation_id).filter(seen)


def may_do(scenario: Scenario, who: Actor, *, is_admin: bool, may_buy: bool = True) -> list[str]:
    """What this person or key may do with a scenario that it sees; a viewer looks."""
    if not may_buy:
        return []
    if scenario.is_by(who):
        return ["restore", "delete"] if scenario.archived_at else ["work_out", "rename", "share", "archive", "delete"]
    return ["delete"] if is_admin else []


@dataclass(frozen=True)
class Compared:
    """Scenarios side by side: each figure that any of their latest answers has, a value for each of them."""

    scenarios: tuple[Scenario, ...]
    figures: tuple[tuple[str, str, tuple[Any, ...]], ...]  # code, unit, values


def side_by_side(scenarios: Sequence[Scenario]) -> Compared:
    found = [scenario.latest.figures for scenario in scenarios]
    units = {code: each["unit"] for figures in found for code, each in figures.items()}
    rows = [
        (code, unit, tuple(figures[code]["value"] if code in figures else None for figures in found))
        for code, unit in units.items()
    ]
    return Compared(tuple(scenarios), tuple(rows))


def chosen_to_compare(public_ids: Sequence[str], *, organisation_id: int, to: Actor) -> list[Scenario]:
    """Scenarios in the order in which they are named, of those that may be seen. Raises ScenarioNotFound."""
    seen = visible(organisation_id=organisation_id, to=to).with_latest().filter(public_id__in=public_ids)
    found = {scenario.public_id: scenario for scenario in seen}
    if not found.keys() >= set(public_ids):
        raise ScenarioNotFound
    return [found[each] for each in public_ids]
