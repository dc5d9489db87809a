"""The continuity planner over REST: three questions, each answered from the caller's own portfolio."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.schema import problems
from marketplace.api.views import Door
from marketplace.units import clock
from reservations.api.continuity_shapes import (
    ANSWERS,
    ClosureAnswerShape,
    ClosureShape,
    GrowthAnswerShape,
    GrowthShape,
    OutageAnswerShape,
    OutageShape,
    UnderShape,
)
from reservations.continuity.asked import CLOSURE, GROWTH, OUTAGE, parse_question
from reservations.continuity.holdings import known_places
from reservations.continuity.queries import work_out


class _Under(serializers.Serializer[Any]):
    """Beside its answer every question says what was asked, and under what."""

    inputs = serializers.JSONField()
    under = UnderShape()


class OutageAnsweredShape(_Under, OutageAnswerShape):
    pass


class GrowthAnsweredShape(_Under, GrowthAnswerShape):
    pass


class ClosureAnsweredShape(_Under, ClosureAnswerShape):
    pass


class Ask(Door):
    """Changes nothing, and is no enquiry: nobody asks to buy yet."""

    scopes: ClassVar[dict[str, str]] = {"POST": "read"}
    question: ClassVar[str]

    def answer(self, request: Request) -> Response:
        now = clock.now()
        asked = parse_question(self.question, request.data, today=now.date(), known=known_places())
        found = work_out(question=asked, organisation_id=self.organisation_id, now=now)
        under = UnderShape(found).data
        return Response({"inputs": asked.as_json(), "under": under, **ANSWERS[self.question](found.document).data})


class AskOutage(Ask):
    question = OUTAGE

    @extend_schema(
        operation_id="ask_outage",
        summary="What stops if a site is late or lost",
        tags=["continuity"],
        request=OutageShape,
        responses={200: OutageAnsweredShape, **problems(400, 401, 403, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """Coverage per day before and after, and each of your reservations that stops or begins late."""
        return self.answer(request)


class AskGrowth(Ask):
    question = GROWTH

    @extend_schema(
        operation_id="ask_growth",
        summary="What it costs if usage grows",
        tags=["continuity"],
        request=GrowthShape,
        responses={200: GrowthAnsweredShape, **problems(400, 401, 403, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """The added need by accelerator: bought now, later by the forward curve, or as overage once it has a rate."""
        return self.answer(request)


class AskClosure(Ask):
    question = CLOSURE

    @extend_schema(
        operation_id="ask_closure",
        summary="Where to go if a country or region closes",
        tags=["continuity"],
        request=ClosureShape,
        responses={200: ClosureAnsweredShape, **problems(400, 401, 403, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """Alternatives for each reservation there, and a bundle of them ready for POST /offers or POST /quotes."""
        return self.answer(request)
