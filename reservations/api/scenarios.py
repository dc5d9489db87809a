"""Scenarios over REST: kept, listed, compared, changed, worked out again and deleted."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import cursor_page
from marketplace.api.problems import Invalid, error
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import read
from marketplace.api.views import Door
from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.units import clock
from pricing.api.empty import Empty
from reservations.api.continuity_shapes import (
    ComparisonParams,
    ComparisonShape,
    KeptShape,
    ScenarioChangesShape,
    ScenarioList,
    ScenarioParams,
    ScenarioShape,
)
from reservations.continuity.actions import change_scenario, delete_scenario, save_scenario, work_out_again
from reservations.continuity.asked import parse_question
from reservations.continuity.holdings import known_places
from reservations.continuity.models import PRIVATE, Scenario
from reservations.continuity.queries import (
    MOST_COMPARED,
    Compared,
    ScenarioNotFound,
    chosen_to_compare,
    side_by_side,
    visible,
    work_out,
)


class ScenarioDoor(Door):
    """A key sees the scenarios of its organisation, and those that it kept itself."""

    @property
    def who(self) -> Actor:
        return self.key.as_actor()

    @property
    def is_admin(self) -> bool:
        return "admin" in self.key.scopes

    def shown(self, scenario: Scenario) -> Any:
        """The scenario as it stands now."""
        fresh = Scenario.objects.with_latest().get(pk=scenario.pk)
        return ScenarioShape(fresh, context={"who": self.who, "is_admin": self.is_admin}).data


class Scenarios(ScenarioDoor):
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "quote"}
    params_shape = ScenarioParams

    @extend_schema(
        operation_id="list_scenarios",
        summary="Your scenarios",
        tags=["continuity"],
        parameters=[ScenarioParams],
        responses={200: ScenarioList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first: those that the organisation shares, and those that this key kept."""
        seen = visible(organisation_id=self.organisation_id, to=self.who)
        chosen = seen.filter(archived_at__isnull=self.params.get("archived") != "yes").with_latest()
        if "question" in self.params:
            chosen = chosen.filter(question=self.params["question"])
        context = {"who": self.who, "is_admin": self.is_admin}
        return Response(
            cursor_page(
                request,
                among=seen,
                chosen=chosen,
                params=self.params,
                render=lambda scenario: ScenarioShape(scenario, context=context).data,
            )
        )

    @extend_schema(
        operation_id="keep_scenario",
        summary="Work a question out, and keep it",
        tags=["continuity"],
        parameters=keyed(),
        request=KeptShape,
        responses={201: ScenarioShape, **problems(400, 401, 403, 409, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """Kept with its answer of now and the versions of supply and prices behind it. Offers in it are not kept."""
        body, now = read(KeptShape, request.data), clock.now()
        asked = parse_question(body["question"], body["inputs"], today=now.date(), known=known_places())
        whose = self.key.organisation

        def keep() -> Scenario:
            answer = work_out(question=asked, organisation_id=whose.pk, now=now)
            seen_by = body.get("visibility", PRIVATE)
            return save_scenario(name=body["name"], visibility=seen_by, answer=answer, organisation=whose, by=self.who)

        return answer_once(
            request, organisation_id=whose.pk, action=keep, render=lambda scenario: (201, self.shown(scenario))
        )


class OneScenario(ScenarioDoor):
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "quote", "DELETE": "quote"}
    http_method_names = ["get", "head", "patch", "delete"]

    @extend_schema(
        operation_id="get_scenario",
        summary="One scenario",
        tags=["continuity"],
        responses={200: ScenarioShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        found = visible(organisation_id=self.organisation_id, to=self.who).filter(public_id=public_id).first()
        if found is None:
            raise ScenarioNotFound
        return Response(self.shown(found))

    @extend_schema(
        operation_id="change_scenario",
        summary="Rename, share, archive or bring back a scenario",
        tags=["continuity"],
        parameters=keyed(),
        request=ScenarioChangesShape,
        responses={200: ScenarioShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def patch(self, request: Request, public_id: str) -> Response:
        """Only its author can. What is left out stays."""
        body = read(ScenarioChangesShape, request.data)
        if not body:
            raise Invalid([error("", "required", "Send name, visibility or archived.")])
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: change_scenario(
                public_id=public_id,
                organisation_id=self.organisation_id,
                by=self.who,
                name=body.get("name"),
                visibility=body.get("visibility"),
                is_archived=body.get("archived"),
            ),
            render=lambda scenario: (200, self.shown(scenario)),
        )

    @extend_schema(
        operation_id="delete_scenario",
        summary="Delete a scenario for ever",
        tags=["continuity"],
        request=None,
        responses={204: None, **problems(401, 403, 404, 422, 503)},
    )
    def delete(self, request: Request, public_id: str) -> Response:
        """With all its answers. This cannot be undone. Its author can; with the scope `admin`, of a shared one, you."""
        change.run(
            lambda: delete_scenario(
                public_id=public_id, organisation_id=self.organisation_id, by=self.who, is_admin=self.is_admin
            )
        )
        return Response(status=204)


class RecomputeScenario(ScenarioDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "quote"}

    @extend_schema(
        operation_id="recompute_scenario",
        summary="Work a scenario out again",
        tags=["continuity"],
        parameters=keyed(),
        request=Empty,
        responses={200: ScenarioShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Of the portfolio, the supply and the prices of now. The answers before it stay."""
        read(Empty, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: work_out_again(public_id=public_id, organisation_id=self.organisation_id, by=self.who),
            render=lambda scenario: (200, self.shown(scenario)),
        )


class CompareScenarios(ScenarioDoor):
    params_shape = ComparisonParams

    @extend_schema(
        operation_id="compare_scenarios",
        summary="Scenarios side by side",
        tags=["continuity"],
        parameters=[ComparisonParams],
        responses={200: ComparisonShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request) -> Response:
        """Each figure of their latest answers."""
        named = list(dict.fromkeys(self.params["scenarios"].split(",")))
        if not 2 <= len(named) <= MOST_COMPARED:
            raise Invalid(
                [error("/scenarios", "invalid", f"Name 2 to {MOST_COMPARED} scenarios, with commas between.")]
            )
        found = chosen_to_compare(named, organisation_id=self.organisation_id, to=self.who)
        return Response(_comparison(side_by_side(found)))


def _comparison(found: Compared) -> Any:
    scenarios = [
        {
            "scenario": each.public_id,
            "name": each.name,
            "question": each.question,
            "at": each.latest.at,
            "projection": each.latest.projection.public_id if each.latest.projection else None,
        }
        for each in found.scenarios
    ]
    figures = [{"code": code, "unit": unit, "values": list(values)} for code, unit, values in found.figures]
    return ComparisonShape({"object": "scenario_comparison", "scenarios": scenarios, "figures": figures}).data
