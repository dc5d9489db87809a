"""When projects will be ready, as far as a caller may know: everybody what the board shows, a seller all of its own.

The board shows phases that are still being built, as the projection behind the public tape sees them. A pool's own
seller sees its phases whole, as the newest projection in force sees them.
"""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from marketplace.supply.disclosing import Disclosed
from marketplace.supply.models import Milestone, Project, Projection, ProjectOutlook
from marketplace.supply.queries import latest_projection
from pricing.curve.models import TapePool


@dataclass(frozen=True)
class Sight:
    """The projections that a caller is told of: the board's, and for its own phases the newest in force."""

    organisation_id: int
    board: Projection | None
    latest: Projection | None
    disclosure: Disclosed

    def owns(self, project: Project) -> bool:
        return project.pool.seller_id == self.organisation_id

    def projection(self, project: Project) -> Projection | None:
        return self.latest if self.owns(project) else self.board

    def outlook(self, project: Project) -> ProjectOutlook | None:
        """The project must come from `projects`."""
        projection = self.projection(project)
        seen: list[ProjectOutlook] = project.seen  # type: ignore[attr-defined]
        return next((each for each in seen if projection and each.projection_id == projection.pk), None)

    def shows_causes(self, project: Project) -> bool:
        return self.owns(project) or self.disclosure.shows_causes(project.pool)

    def milestones(self, project: Project) -> list[Milestone] | None:
        """Of somebody else's project, as they are shown to this caller; None where they are not."""
        return self.disclosure.milestones(project)


def sight(organisation_id: int, disclosure: Disclosed) -> Sight:
    newest = TapePool.objects.select_related("version__projection").order_by("-tape__tick", "-pk").first()
    board = newest.version.projection if newest else None
    return Sight(organisation_id, board, latest_projection(), disclosure)


def projects(seen: Sight) -> QuerySet[Project]:
    """The projects that a caller may know of, each with what it may know."""
    being_built = Exists(Milestone.objects.filter(project=OuterRef("pk"), actual=None))
    on_board = Exists(ProjectOutlook.objects.filter(project=OuterRef("pk"), projection=seen.board))
    own = Q(pool__seller_id=seen.organisation_id)
    told = [projection for projection in (seen.board, seen.latest) if projection is not None]
    outlooks = ProjectOutlook.objects.filter(projection__in=told).select_related("projection")
    return (
        Project.objects.filter(is_withdrawn=False)
        .filter(own | (Q(being_built) & Q(on_board)))
        .select_related("pool__site", "pool__accelerator")
        .prefetch_related(
            Prefetch("outlooks", outlooks.defer("ready_days", "projection__inputs"), to_attr="seen"),
            Prefetch("milestones", Milestone.objects.prefetch_related("notes", "reports")),
        )
    )
