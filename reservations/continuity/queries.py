"""A question answered for an organisation, and the scenarios that somebody there may see."""

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
from reservations.continuity.holdings import holdings
from reservations.continuity.models import ORGANISATION, Scenario, ScenarioQuerySet


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
        document=_answered(question, found, organisation_id, now),
        at=now,
        projection=latest_projection(),
        price_versions=tuple(versions.values_list("public_id", flat=True)),
        tape=Tape.objects.values_list("tick", flat=True).first(),
    )


def _answered(question: Question, found: Any, organisation_id: int, now: datetime) -> dict[str, Any]:
    if isinstance(question, Outage):
        return outages.answer(question, found, now)
    if isinstance(question, Growth):
        return growths.answer(question, found, organisation_id, now)
    assert isinstance(question, Closure)
    return closures.answer(question, found, organisation_id, now)


def visible(*, organisation_id: int, to: Actor) -> ScenarioQuerySet:
    """The organisation's scenarios that this person or key may see: those of the organisation, and its own."""
    seen = Q(visibility=ORGANISATION)
    if to.key_id is not None:
        seen |= Q(author_key_id=to.key_id)
    elif to.user_id is not None:
        seen |= Q(author_user_id=to.user_id)
    return Scenario.objects.of(organisation_id).filter(seen)
