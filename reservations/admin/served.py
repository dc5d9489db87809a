"""From rows to the picture of a pool's allocation: a lane for each project, and one for what none is ready for."""

from collections import defaultdict

from marketplace.catalogue.models import Pool
from marketplace.supply.models import ProjectOutlook
from marketplace.supply.queries import latest_projection
from marketplace.units.firmness import rank
from marketplace.web.charts.serving import Box, Lane
from reservations.delivery.models import Serving


def pools_served() -> list[Pool]:
    """Pools in which somebody is served, as worked out last."""
    served = Serving.objects.current().values("reservation__pool")
    return list(Pool.objects.filter(pk__in=served).select_related("site", "accelerator").order_by("pk"))


def serving_lanes(pool: Pool) -> list[Lane]:
    """What stands now: each project of the pool with the blocks that it serves, earliest first."""
    boxes: dict[int | None, list[Box]] = defaultdict(list)
    rows = Serving.objects.current().filter(reservation__pool=pool).select_related("reservation__organisation")
    for each in rows:
        block = each.reservation
        name = f"{block.organisation}, {block.public_id[:10]}…"
        boxes[each.project_id].append(Box(name, each.start, each.end, each.gpus, rank(block.firmness)))
    outlooks = ProjectOutlook.objects.filter(projection=latest_projection(), project__pool=pool).defer("ready_days")
    ready = {each.project_id: each.p50 for each in outlooks}
    projects = pool.projects.filter(is_withdrawn=False, gpus__gt=0)
    lanes = [Lane(each.name, each.gpus, ready.get(each.pk), tuple(boxes[each.pk])) for each in projects]
    return lanes + ([Lane("Nobody yet", 0, None, tuple(boxes[None]))] if boxes[None] else [])
