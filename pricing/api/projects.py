"""Projects and projections: what will be ready when, and what moved from one version to the next."""

from datetime import date
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.pagination import PageParams, cursor_page
from marketplace.api.provider_shapes import ProjectRequest
from marketplace.api.providers import new_project
from marketplace.api.schema import keyed, problems
from marketplace.api.views import Door
from marketplace.supply.comparison import Change, Outlook, PoolMove, ProjectMove
from marketplace.supply.models import Milestone, Project, Projection, ProjectOutlook
from marketplace.supply.versions import before, compare
from marketplace.units import clock
from pricing.api.project_shapes import (
    CauseShape,
    ProjectionList,
    ProjectionShape,
    ProjectionWithMovesShape,
    ProjectList,
    ProjectParams,
    ProjectShape,
)
from pricing.curve.outlooks import Sight, projects, sight
from pricing.quotes.queries import disclosed_to


def _sight(organisation_id: int) -> Sight:
    return sight(organisation_id, disclosed_to(organisation_id, clock.now()))


def shown_project(project: Project, seen: Sight) -> dict[str, Any]:
    """Everybody's figures, and for the seller of its pool the rest."""
    own, outlook, projection = seen.owns(project), seen.outlook(project), seen.projection(project)
    milestones = list(project.milestones.all())
    ranked = outlook.ranked_bottlenecks() if outlook else []
    return {
        "id": project.public_id,
        "object": "project",
        "pool": project.pool.public_id,
        "site": project.pool.site.public_id,
        "phase": project.ordinal,
        "gpus": project.gpus,
        "mw": str(project.mw),
        "planned": max((each.planned for each in milestones), default=None),
        "ready": _ready(outlook, own) if outlook and ranked else None,
        "waits_for": ranked[0][0] if ranked and seen.shows_causes(project) else None,
        "projection": projection.public_id if outlook and projection else None,
        "exact": own,
        "name": project.name if own else None,
        "retires_on": project.retires_on if own else None,
        "bottlenecks": dict(ranked) if own else None,
        "milestones": [_milestone(each) for each in milestones] if own else _disclosed(project, seen),
    }


def _disclosed(project: Project, seen: Sight) -> list[dict[str, Any]] | None:
    """Milestones of somebody else's, as far as and from when their provider shows them."""
    known = seen.milestones(project)
    if known is None:
        return None
    return [{**_milestone(each), "notes": []} for each in known]


def _ready(outlook: ProjectOutlook, own: bool) -> dict[str, date | None]:
    dates = {name: getattr(outlook, name) for name in ("p10", "p50", "p90")}
    return {**dates, "expected": outlook.expected if own else None}


def _milestone(milestone: Milestone) -> dict[str, Any]:
    expected = milestone.actual or milestone.forecast or milestone.planned
    return {
        **{name: getattr(milestone, name) for name in ("kind", "planned", "forecast", "actual")},
        "slip_days": (expected - milestone.planned).days,
        "notes": [{"date": note.date, "text": note.text} for note in milestone.notes.all()],
    }


class Projects(Door):
    params_shape = ProjectParams
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "supply"}

    @extend_schema(
        operation_id="list_projects",
        summary="What is being built, and when it will be ready",
        tags=["market"],
        parameters=[ProjectParams],
        responses={200: ProjectList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """The phases on the market board, with its figures; all your own phases with milestones and bottlenecks."""
        seen = _sight(self.organisation_id)
        visible = projects(seen)
        wanted = {"pool__public_id": self.params.get("pool"), "pool__site__public_id": self.params.get("site")}
        return Response(
            cursor_page(
                request,
                among=visible,
                chosen=visible.filter(**{name: value for name, value in wanted.items() if value is not None}),
                params=self.params,
                render=lambda project: shown_project(project, seen),
                order="pk",
            )
        )

    @extend_schema(
        operation_id="announce_project",
        summary="Announce a phase of yours",
        tags=["supply"],
        parameters=keyed(),
        request=ProjectRequest,
        responses={201: ProjectShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """GPUs that come to a pool of yours, and the milestones that they wait for; projected within seconds."""
        return new_project(self, request, lambda made: shown_project(*_seen_by(self.organisation_id, made)))


def _seen_by(organisation_id: int, project: Project) -> tuple[Project, Sight]:
    seen = _sight(organisation_id)
    return projects(seen).get(pk=project.pk), seen


class OneProject(Door):
    @extend_schema(
        operation_id="get_project",
        summary="One project",
        tags=["market"],
        responses={200: ProjectShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        seen = _sight(self.organisation_id)
        project = projects(seen).filter(public_id=public_id).first()
        if project is None:
            raise Http404
        return Response(shown_project(project, seen))


def _published() -> Any:
    return Projection.objects.exclude(published_at=None).defer("inputs")


class Projections(Door):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_projections",
        summary="Versions of projected supply",
        tags=["market"],
        parameters=[PageParams],
        responses={200: ProjectionList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first. A version is never edited."""
        rows = _published()
        return Response(
            cursor_page(
                request,
                among=rows,
                chosen=rows,
                params=self.params,
                render=lambda row: ProjectionShape(row).data,
            )
        )


class OneProjection(Door):
    @extend_schema(
        operation_id="get_projection",
        summary="One version, and what moved since the one before",
        tags=["market"],
        responses={200: ProjectionWithMovesShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """Dates of the phases on the board; causes, expected dates and pools for what is your own."""
        found = _published().filter(public_id=public_id).first()
        if found is None:
            raise Http404
        moved = _moved(found, _sight(self.organisation_id))
        return Response({**ProjectionShape(found).data, "moved": moved})


def _moved(projection: Projection, seen: Sight) -> dict[str, Any] | None:
    earlier = before(projection, published=True)
    if earlier is None:
        return None
    found = compare(projection, earlier)
    public = seen.board is not None and projection.pk <= seen.board.pk
    visible = {project.pk: seen.owns(project) for project in projects(seen)}
    return {
        "since": earlier.public_id,
        "policy": list(found.policy),
        "projects": [
            _project_move(project, move, visible[project.pk])
            for project, move in found.projects
            if visible.get(project.pk) or (public and project.pk in visible)
        ],
        "pools": [
            _pool_move(pool.public_id, move) for pool, move in found.pools if pool.seller_id == seen.organisation_id
        ],
    }


def _project_move(project: Project, move: ProjectMove, own: bool) -> dict[str, Any]:
    return {
        "project": project.public_id,
        "before": _dates(move.before, own),
        "after": _dates(move.after, own),
        "p50_days": move.p50_days,
        "p90_days": move.p90_days,
        "expected_days": move.expected_days if own else None,
        "causes": CauseShape(move.causes, many=True).data if own else None,
    }


def _dates(outlook: Outlook | None, own: bool) -> dict[str, date | None] | None:
    if outlook is None or outlook.p50 == date.max:
        return None
    return {"p50": outlook.p50, "p90": outlook.p90, "expected": outlook.expected if own else None}


def _pool_move(pool: str, move: PoolMove) -> dict[str, Any]:
    causes = CauseShape(move.causes, many=True).data
    return {"pool": pool, "p90": _change(move.p90), "p50": _change(move.p50), "causes": causes}


def _change(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    days = {"first_day": change.first, "last_day": change.last, "largest_on": change.largest_on}
    return {**days, "largest": change.largest}
