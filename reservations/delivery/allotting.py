"""Which projects serve which reservations of a pool: gathered, solved (`serving.py`) and kept with its history.

Worked out again where anything that it rests on has changed: dates of projects by the projection in force, what is
sold, what was handed over. The same inputs are never solved twice, so it may be asked for at any time, by anybody.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db.models import Q

from marketplace.catalogue.models import Pool
from marketplace.supply.models import Project, Projection, ProjectOutlook
from marketplace.units.firmness import FIRMNESS, rank
from reservations.booking.models import Reservation
from reservations.booking.pieces import parts
from reservations.booking.states import DELIVERED, DELIVERING, SCHEDULED
from reservations.delivery.models import Serving, ServingRun
from reservations.delivery.serving import Blocks, Ints, Served, capacity_of, serve

NEVER = 10**6  # days: a project that nothing is known about is not ready
LIVE = (SCHEDULED, DELIVERING, DELIVERED)


@dataclass(frozen=True)
class Line:
    """GPUs of a reservation over days: `start` to `end` sold, up to `until` with turnaround; `had` by project."""

    reservation_id: int
    pinned: bool
    rank: int
    start: date
    end: date
    until: date
    gpus: int


@dataclass(frozen=True, eq=False)
class Ground:
    """Everything about a pool that decides who is served from where."""

    projects: tuple[Project, ...]
    ready: Ints  # (3, P) days from today, firm first
    retired: Ints  # (P,)
    lines: tuple[Line, ...]
    had: dict[int, dict[int, int]]  # reservation -> project -> GPUs
    projection: Projection | None

    def digest(self, today: date) -> str:
        """Of all that the outcome rests on; days in the past rest on nothing any more."""
        dates = [[int(day) if day > 0 else 0 for day in row] for row in [*self.ready, self.retired]]
        shown = [(today + timedelta(days=day)).isoformat() if 0 < day < NEVER else day for row in dates for day in row]
        lines = [
            (line.reservation_id, line.pinned, str(max(line.start, today)), str(line.until), line.gpus)
            for line in self.lines
        ]
        had = sorted((who, sorted(of.items())) for who, of in self.had.items())
        content = [[(each.pk, each.gpus) for each in self.projects], shown, lines, had]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def pools_with_blocks() -> list[Pool]:
    """Pools in which something is sold, or was allotted."""
    sold = Reservation.objects.filter(status__in=LIVE).values("pool")
    kept = Serving.objects.current().values("reservation__pool")
    return list(Pool.objects.filter(Q(pk__in=sold) | Q(pk__in=kept)).order_by("pk"))


def allot(*, pool: Pool, now: datetime) -> ServingRun | None:
    """Works out and stores who is served from where; None where nothing that it rests on has changed."""
    Pool.objects.select_for_update(of=("self",)).get(pk=pool.pk)
    ground, today = _ground(pool, now), now.date()
    last = ServingRun.objects.filter(pool=pool).first()
    if last is not None and last.inputs == ground.digest(today):
        return None
    served = _solve(ground, pool, today)
    run = ServingRun.objects.create(
        pool=pool,
        projection=ground.projection,
        inputs="",
        solved_at=now,
        blocks=len({line.reservation_id for line in ground.lines}),
        moved_blocks=int((served.moved > 0).sum()),
        moved_gpus=int(served.moved.sum()),
        unserved_gpus=int(served.unserved.sum()),
    )
    _store(ground, served, run)
    run.inputs = _ground(pool, now).digest(today)  # with what is had now: asked again, nothing changes
    run.save(update_fields=["inputs"])
    return run


def _ground(pool: Pool, now: datetime) -> Ground:
    projects = tuple(pool.projects.filter(is_withdrawn=False).exclude(gpus=0).order_by("campus", "ordinal"))
    projection = Projection.objects.filter(published_at__isnull=False).order_by("-id").first()
    ready = _ready(projects, projection, now.date())
    retired = [(each.retires_on - now.date()).days if each.retires_on else NEVER for each in projects]
    return Ground(
        projects,
        ready,
        np.array(retired, dtype=np.int64),
        tuple(_lines(pool, now)),
        _had(pool),
        projection,
    )


def _ready(projects: Sequence[Project], projection: Projection | None, today: date) -> Ints:
    """(3, P): firm blocks count on a project from its P90 date, standard from P50, standby from P10."""
    found = np.full((3, len(projects)), NEVER, dtype=np.int64)
    rows = ProjectOutlook.objects.filter(projection=projection, project__in=projects)
    dates = {each.project_id: (each.p90, each.p50, each.p10) for each in rows.defer("ready_days")}
    for place, project in enumerate(projects):
        if project.pk in dates:
            found[:, place] = [(day - today).days for day in dates[project.pk]]
    return np.maximum(found, 0)


def _lines(pool: Pool, now: datetime) -> list[Line]:
    """What has to be served, in the order of precedence: what is in use stays, then by class, the earliest first."""
    rows = Reservation.objects.filter(pool=pool, status__in=LIVE, end__gt=now.date()).select_related("quote")
    in_use = {each.pk: each.state(now) != SCHEDULED or bool(each.accepted_parts) for each in rows}
    ordered = sorted(rows, key=lambda each: (not in_use[each.pk], rank(each.firmness), each.pk))
    return [line for each in ordered for line in _lines_of(each, in_use[each.pk], now.date())]


def _lines_of(each: Reservation, in_use: bool, today: date) -> list[Line]:
    turnaround = timedelta(days=each.quote.contract_terms.turnaround_days)
    held = [part for part in parts(each) if part.period.end > today]
    return [
        Line(
            each.pk,
            in_use,
            len(FIRMNESS) - 1 if in_use else rank(each.firmness),  # what is in use is there, whatever a date says
            max(part.period.start, today),
            part.period.end,
            part.period.end + (turnaround if part is held[-1] else timedelta()),
            part.quantity,
        )
        for part in held
    ]


def _had(pool: Pool) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = defaultdict(dict)
    rows = Serving.objects.current().filter(reservation__pool=pool, project__isnull=False)
    for who, project, gpus in rows.values_list("reservation_id", "project_id", "gpus"):
        found[who][project] = max(gpus, found[who].get(project, 0))
    return dict(found)


def _solve(ground: Ground, pool: Pool, today: date) -> Served:
    lines, place = ground.lines, {each.pk: index for index, each in enumerate(ground.projects)}
    days = max(((line.until - today).days for line in lines), default=1)
    gpus = np.array([each.gpus for each in ground.projects], dtype=np.int64)
    before = np.zeros((len(lines), len(place)), dtype=np.int64)
    for row, line in enumerate(lines):
        for project, had in ground.had.get(line.reservation_id, {}).items():
            if project in place:
                before[row, place[project]] = had
    capacity = capacity_of(gpus, ground.ready, ground.retired, max(days, 1))
    blocks = Blocks(
        first=np.array([(line.start - today).days for line in lines], dtype=np.int64),
        end=np.array([(line.until - today).days for line in lines], dtype=np.int64),
        gpus=np.array([line.gpus for line in lines], dtype=np.int64),
        rank=np.array([line.rank for line in lines], dtype=np.int64),
        before=before,
    )
    return serve(capacity, blocks, lot=pool.lot)


def _store(ground: Ground, served: Served, run: ServingRun) -> None:
    """Rows that stand as they were stay; others end with this run, and new ones begin."""
    wanted: dict[tuple[int, int | None, date, int], date] = {}
    for row, line in enumerate(ground.lines):
        shares = {each.pk: int(gpus) for each, gpus in zip(ground.projects, served.shares[row], strict=True) if gpus}
        for project, gpus in [*shares.items(), (None, int(served.unserved[row]))]:
            if gpus:
                wanted[line.reservation_id, project, line.end, gpus] = line.start
    over = []
    pool_rows = Serving.objects.current().filter(reservation__pool_id=run.pool_id)
    for found in pool_rows:
        # The first day of what is in use moves with today: the row is still the same.
        if wanted.pop((found.reservation_id, found.project_id, found.end, found.gpus), None) is None:
            over.append(found.pk)
    Serving.objects.filter(pk__in=over).update(until=run)
    Serving.objects.bulk_create(
        [
            Serving(reservation_id=who, project_id=project, start=start, end=end, gpus=gpus, since=run)
            for (who, project, end, gpus), start in wanted.items()
        ],
        batch_size=2000,
    )
