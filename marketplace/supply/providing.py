"""What a provider says of its own supply: projects, milestones, disruptions, maintenance, and who may see it.

Everything here is found by its seller first, so another provider's supply is like none. A report writes rows and asks
for a projection, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Max, QuerySet

from marketplace.catalogue.models import Pool, Site
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.parties.models import Organisation
from marketplace.supply.disrupting import enter_disruption, plan_maintenance, withdraw
from marketplace.supply.models import (
    AUDIENCES,
    MILESTONE_KINDS,
    PROVIDER,
    DisclosurePolicy,
    Disruption,
    MaintenanceWindow,
    Milestone,
    Project,
    Stated,
)
from marketplace.supply.reporting import add_milestone, report_milestone, request_projection

KINDS = [kind for kind, _ in MILESTONE_KINDS]
MOST_PROJECTS_GPUS = 10_000_000
LONGEST_NOTE = 500
SOONEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)


class ReportRefused(Exception):
    """A report that cannot be true or cannot be used. `faults`: field -> what is wrong, and what would be right."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = faults


class NotYours(Exception):
    """There is no such supply of this provider's: another's is like none."""


@dataclass(frozen=True)
class Said:
    """A report of one milestone, as it was sent: `planned` only where the milestone is new."""

    kind: str
    planned: date | None = None
    forecast: date | None = None
    actual: date | None = None
    note: str = ""


def own_projects(provider_id: int) -> QuerySet[Project]:
    return Project.objects.filter(pool__seller_id=provider_id, is_withdrawn=False)


def own_pools(provider_id: int) -> QuerySet[Pool]:
    return Pool.objects.filter(seller_id=provider_id)


def own_sites(provider_id: int) -> QuerySet[Site]:
    """The sites on which the provider sells and nobody else does: what is cut there is cut for nobody else."""
    shared = Pool.objects.exclude(seller_id=provider_id).values("site")
    return Site.objects.filter(pools__seller_id=provider_id).exclude(pk__in=shared).distinct()


def own_row(rows: Any, name: str, public_id: str) -> Any:
    """The row of that public id among one's own. Raises ReportRefused, the same for another's as for none."""
    found = rows.filter(public_id=public_id).first()
    if found is None:
        raise ReportRefused({name: f"There is no such {name} of yours."})
    return found


def report_own_milestone(*, provider_id: int, project: str, said: Said, by: Actor, now: datetime) -> Milestone:
    """The newest dates of one milestone, or one more milestone. Raises NotYours, ReportRefused."""
    row = own_projects(provider_id).select_for_update(of=("self",)).filter(public_id=project).first()
    if row is None:
        raise NotYours
    milestone = row.milestones.filter(kind=said.kind).first()
    faults = report_faults(said, milestone, today=now.date())
    if faults:
        raise ReportRefused(faults)
    common: dict[str, Any] = {"by": by, "now": now, "reason": said.note, "source": PROVIDER}
    if milestone is None:
        assert said.planned is not None  # or it has a fault
        new = Milestone(project=row, kind=said.kind, planned=said.planned, forecast=said.forecast, actual=said.actual)
        found = add_milestone(milestone=new, **common)
    else:
        milestone.project = row
        found = report_milestone(milestone=milestone, forecast=said.forecast, actual=said.actual, **common)
    _tell("milestone.reported", row.public_id, provider_id, {"project": row.public_id, "kind": said.kind}, now)
    return found


def report_faults(said: Said, milestone: Milestone | None, *, today: date) -> dict[str, str]:
    """Everything that is wrong with a report, by field; nothing if it is sound."""
    faults: dict[str, str] = {}
    if said.kind not in KINDS:
        return {"kind": f"There is no milestone “{said.kind[:40]}”; there are {', '.join(KINDS)}."}
    if milestone is None and said.planned is None:
        faults["planned"] = f"The project has no {said.kind} yet: give the day for which it is planned, too."
    if milestone is not None and said.planned not in (None, milestone.planned):
        faults["planned"] = f"The plan stays {milestone.planned}, so that slips can be seen: give a forecast instead."
    if said.actual is not None and said.actual > today:
        faults["actual"] = f"{said.actual} is yet to come, today being {today}: give it as the forecast."
    if said.actual is None and said.forecast is not None and said.forecast < today:
        faults["forecast"] = f"{said.forecast} is over, today being {today}: give the day as actual if it came."
    if said.forecast is None and said.actual is None and _had_dates(said, milestone):
        faults["forecast"] = "Give a forecast, or the actual day."
    for name in ("planned", "forecast", "actual"):
        day = getattr(said, name)
        if day is not None and not SOONEST <= day < LATEST:
            faults[name] = f"{day} is no day between {SOONEST.year} and {LATEST.year}."
    if len(said.note) > LONGEST_NOTE:
        faults["note"] = f"At most {LONGEST_NOTE} characters."
    return faults


def _had_dates(said: Said, milestone: Milestone | None) -> bool:
    """Whether a report without dates would take some away; naming the plan again, where there is no more, does not."""
    return milestone is not None and bool(said.planned is None or milestone.forecast or milestone.actual)


def announce_project(
    *,
    provider_id: int,
    pool: str,
    name: str,
    gpus: int,
    mw: Decimal,
    milestones: Sequence[Said],
    by: Actor,
    now: datetime,
) -> Project:
    """One more phase in a pool of the provider's, with what it waits for. Raises NotYours, ReportRefused."""
    found = own_pools(provider_id).select_for_update(of=("self",)).filter(public_id=pool).first()
    if found is None:
        raise NotYours
    faults = _project_faults(found, name, gpus, mw, milestones, now.date())
    if faults:
        raise ReportRefused(faults)
    # A campus of its own: the next import of the campus's file neither counts it nor takes it away.
    campus = f"{found.site.key}, announced"
    last = Project.objects.filter(campus=campus).aggregate(last=Max("ordinal"))["last"] or 0
    project = Project.objects.create(
        pool=found,
        campus=campus,
        ordinal=last + 1,
        name=name,
        gpus=gpus,
        mw=mw,
        h100_equivalents=float(gpus * found.accelerator.h100_weight),
        source=f"Announced by {found.seller}.",
    )
    record(by=by, verb="project.announced", subject=project.public_id, now=now, after={"gpus": gpus, "mw": str(mw)})
    for said in milestones:
        assert said.planned is not None  # or it has a fault
        row = Milestone(project=project, kind=said.kind, planned=said.planned, forecast=said.forecast)
        add_milestone(milestone=row, by=by, now=now, reason=said.note, source=PROVIDER)
    request_projection(reason=f"{project.name}: announced", now=now)
    _tell("project.announced", project.public_id, provider_id, {"project": project.public_id, "gpus": gpus}, now)
    return project


def _project_faults(
    pool: Pool, name: str, gpus: int, mw: Decimal, milestones: Sequence[Said], today: date
) -> dict[str, str]:
    faults: dict[str, str] = {}
    if not name.strip():
        faults["name"] = "Give the phase a name."
    if not 0 < gpus <= MOST_PROJECTS_GPUS or gpus % pool.lot:
        faults["gpus"] = f"GPUs come in lots of {pool.lot}: {pool.lot}, {2 * pool.lot} and so on."
    needed = pool.accelerator.all_in_kw * pool.site.pue * gpus / 1000
    if mw < needed:
        faults["mw"] = f"{gpus:,} GPUs draw {needed:.2f} MW here, cooling in: give at least that."
    if not milestones:
        faults["milestones"] = "Name at least one milestone, with the day for which it is planned."
    kinds = [said.kind for said in milestones]
    for place, said in enumerate(milestones):
        twice = {"kind": f"{said.kind} stands twice."} if kinds.count(said.kind) > 1 else {}
        wrong = report_faults(said, None, today=today) | twice
        if said.actual is not None:
            wrong["actual"] = "What is announced has not come yet: report the actual day once it has."
        faults |= {f"milestones/{place}/{field}": fault for field, fault in wrong.items()}
    return faults


def enter_own_disruption(*, provider_id: int, disruption: Disruption, by: Actor, now: datetime) -> Disruption:
    """A disruption of the provider's own site, pool or project. Raises NotYours, NotSound."""
    _require_own(provider_id, disruption)
    disruption.provider_id = provider_id
    enter_disruption(disruption=disruption, by=by, now=now)
    _tell("disruption.reported", disruption.public_id, provider_id, {"disruption": disruption.public_id}, now)
    return disruption


def _require_own(provider_id: int, disruption: Disruption) -> None:
    """About something, and about one's own: a provider can hold nobody else's milestones up."""
    site, pool, project = disruption.site_id, disruption.pool_id, disruption.project_id
    own = (
        (site is None or own_sites(provider_id).filter(pk=site).exists())
        and (pool is None or own_pools(provider_id).filter(pk=pool).exists())
        and (project is None or own_projects(provider_id).filter(pk=project).exists())
    )
    if not own:
        raise NotYours
    if site is None and pool is None and project is None:
        raise ReportRefused({"site": "Name a site, a pool or a project of yours."})


def plan_own_maintenance(*, provider_id: int, window: MaintenanceWindow, by: Actor, now: datetime) -> MaintenanceWindow:
    """Raises NotYours, NotSound."""
    if not own_pools(provider_id).filter(pk=window.pool_id).exists():
        raise NotYours
    window.provider_id = provider_id
    plan_maintenance(window=window, by=by, now=now)
    _tell("maintenance.reported", window.public_id, provider_id, {"maintenance": window.public_id}, now)
    return window


def withdraw_own(
    *, provider_id: int, model: type[Stated], public_id: str, reason: str, by: Actor, now: datetime
) -> Stated:
    """Only what the provider itself stated. Raises NotYours, NotSound, AlreadyWithdrawn."""
    rows: Any = model._default_manager
    found: Stated | None = rows.filter(provider_id=provider_id, public_id=public_id).first()
    if found is None:
        raise NotYours
    withdraw(stated=found, by=by, now=now, reason=reason)
    return found


def disclose(
    *, provider: Organisation, milestones_to: str, causes_to: str, after_days: int, by: Actor, now: datetime
) -> DisclosurePolicy:
    """A new version of who sees the provider's milestones and causes, in force at once. Raises ReportRefused."""
    faults = {
        name: f"It is one of {', '.join(each for each, _ in AUDIENCES)}."
        for name, value in (("milestones_to", milestones_to), ("causes_to", causes_to))
        if value not in dict(AUDIENCES)
    }
    if not 0 <= after_days <= 365:
        faults["after_days"] = "From 0 to 365 days."
    if faults:
        raise ReportRefused(faults)
    Organisation.objects.select_for_update().get(pk=provider.pk)
    before = DisclosurePolicy.objects.in_force(provider.pk, now)
    made = DisclosurePolicy.objects.create(
        provider=provider,
        version=before.version + 1,
        starts_at=now,
        milestones_to=milestones_to,
        causes_to=causes_to,
        after_days=after_days,
        published_by=by.label,
    )
    said = {"milestones_to": milestones_to, "causes_to": causes_to, "after_days": after_days}
    record(by=by, verb="disclosure.published", subject=provider.public_id, now=now, after=said)
    return made


def _tell(name: str, subject: str, provider_id: int, data: dict[str, object], now: datetime) -> None:
    emit(name=name, subject=subject, organisation_id=provider_id, data=data, now=now)
