"""A campus plan becomes rows: what is new is added, what moved is updated, what is the same is left alone."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, Model

from marketplace.catalogue.actions import set_service_spec
from marketplace.catalogue.models import Accelerator, Pool, Site
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.journal.models import Entry
from marketplace.parties.models import Organisation
from marketplace.supply.assumptions import Assumptions
from marketplace.supply.campuses import CampusPlan, PlannedMilestone, PlannedProject, PlannedSite
from marketplace.supply.models import IMPORT, Milestone, MilestoneNote, Project
from marketplace.supply.reporting import report_milestone, request_projection


@dataclass
class Imported:
    """How many rows of each kind were created, updated, withdrawn and left as they were."""

    created: dict[str, int] = field(default_factory=dict)
    updated: dict[str, int] = field(default_factory=dict)
    withdrawn: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)

    def count(self, outcome: dict[str, int], kind: str) -> None:
        outcome[kind] = outcome.get(kind, 0) + 1

    @property
    def changed_anything(self) -> bool:
        return bool(self.created or self.updated or self.withdrawn)


def import_campuses(plan: CampusPlan, *, by: Actor, now: datetime) -> Imported:
    """Brings the build-out up to the plan, in the caller's transaction, and asks for a projection if anything moved.

    Keys never change: a site's handle, a project's (campus, ordinal). A project that the files no longer have is
    withdrawn, not deleted: reservations and journals may speak of it.
    """
    done = Imported()
    sellers = {key: _seller(plan.assumptions, key, done) for key in sorted({s.terms.seller for s in plan.sites})}
    sites = {site.handle: _site(site, plan.assumptions, done) for site in plan.sites}
    terms = {site.handle: site.terms for site in plan.sites}
    accelerators = {key: _accelerator(plan.assumptions, key, done) for key in dict.fromkeys(k for _, k in plan.pools)}
    pools = {
        (handle, key): _pool(sites[handle], accelerators[key], sellers[terms[handle].seller], plan, now, done)
        for handle, key in plan.pools
    }
    for project in plan.projects:
        _project(project, pools[project.campus, project.accelerator], plan.assumptions, by, now, done)
    _withdraw(plan, by, now, done)
    if done.changed_anything:
        request_projection(reason="build-out imported", now=now)
        after = {"created": done.created, "updated": done.updated, "withdrawn": done.withdrawn}
        record(by=by, verb="campuses.imported", subject=plan.assumptions.campus_source[:120], now=now, after=after)
    return done


def _put(
    model: type[Model], keys: dict[str, Any], values: dict[str, Any], done: Imported
) -> tuple[Any, dict[str, Any]]:
    """The row of those keys with those values, and what it said before where something changed."""
    kind = str(model._meta.verbose_name)
    row = model._default_manager.filter(**keys).first()
    if row is None:
        done.count(done.created, kind)
        return model._default_manager.create(**keys, **values), {}
    values = {name: _as_stored(model, name, value) for name, value in values.items()}
    before = {name: getattr(row, name) for name, value in values.items() if getattr(row, name) != value}
    if not before:
        done.count(done.unchanged, kind)
        return row, {}
    for name in before:
        setattr(row, name, values[name])
    row.save(update_fields=list(before))
    done.count(done.updated, kind)
    return row, before


def _as_stored(model: type[Model], name: str, value: Any) -> Any:
    """The value as its column keeps it: unrounded decimals would differ from their own row at every import."""
    column = model._meta.get_field(name)
    if isinstance(column, DecimalField) and value is not None:
        return Decimal(value).quantize(Decimal(1).scaleb(-column.decimal_places))
    return value


def _seller(assumptions: Assumptions, key: str, done: Imported) -> Organisation:
    seller = assumptions.sellers[key]
    values = {
        "legal_name": seller.legal_name,
        "country": seller.country,
        "ultimate_parent": seller.ultimate_parent,
        "ultimate_parent_country": seller.ultimate_parent_country,
        "is_demo": assumptions.is_demo,
    }
    # An organisation that is there already says itself what it is called and whose it is: not the file.
    known = Organisation.objects.filter(name=seller.name).exists()
    found: Organisation = _put(Organisation, {"name": seller.name}, {} if known else values, done)[0]
    return found


def _site(site: PlannedSite, assumptions: Assumptions, done: Imported) -> Site:
    terms = site.terms
    values = {
        "name": site.name,
        "operator": site.operator,
        "region": terms.region,
        "jurisdiction": terms.jurisdiction,
        "latitude": site.latitude,
        "longitude": site.longitude,
        "pue": terms.pue,
        "carbon_g_per_kwh": terms.carbon_g_per_kwh,
        "energy_usd_per_kwh": terms.energy_usd_per_kwh,
        "facility_mw": site.facility_mw,
        "share_on_sale": terms.share_on_sale,
        "is_demo": assumptions.is_demo,
        "source": f"{assumptions.campus_source}. {terms.source}".strip(),
        "assumptions": list(terms.assumed),
    }
    found: Site = _put(Site, {"key": site.handle}, values, done)[0]
    return found


def _accelerator(assumptions: Assumptions, key: str, done: Imported) -> Accelerator:
    figures = assumptions.accelerators[key]
    values = {
        name: getattr(figures, name)
        for name in (
            "name", "all_in_kw", "memory_gb", "bf16_tflops", "fp8_tflops", "h100_weight",
            "capital_usd_per_gpu_hour", "source",
        )
    }  # fmt: skip
    found: Accelerator = _put(Accelerator, {"key": key}, values | {"assumptions": list(figures.assumed)}, done)[0]
    return found


def _pool(
    site: Site, accelerator: Accelerator, seller: Organisation, plan: CampusPlan, now: datetime, done: Imported
) -> Pool:
    figures, terms = plan.assumptions.accelerators[accelerator.key], plan.assumptions.terms(site.key)
    keys = {"site": site, "accelerator": accelerator, "fabric": figures.fabric}
    pool: Pool = _put(Pool, keys, {"seller": seller, "lot": figures.lot, "role": terms.role}, done)[0]
    set_service_spec(pool=pool, document=_plain({**figures.service, **terms.service}), now=now)
    return pool


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """The assumptions' decimals as JSON's numbers."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in document.items()}


def _project(
    planned: PlannedProject, pool: Pool, assumptions: Assumptions, by: Actor, now: datetime, done: Imported
) -> None:
    values = {
        "pool": pool,
        "name": planned.name,
        "gpus": planned.gpus,
        "mw": planned.mw,
        "h100_equivalents": float(planned.h100_equivalents),
        "is_withdrawn": False,
        "source": assumptions.campus_source,
    }
    project, before = _put(Project, {"campus": planned.campus, "ordinal": planned.ordinal}, values, done)
    if before:
        _journal(project, "project.changed", before, by, now)
    reported = _reported(project)
    for milestone in planned.milestones:
        _milestone(project, milestone, milestone.kind in reported, by, now, done)
    kinds = [milestone.kind for milestone in planned.milestones]
    project.milestones.exclude(kind__in=[*kinds, *reported]).delete()


def _reported(project: Project) -> set[str]:
    """Kinds of the milestones that a provider or staff reported on, or added: what they know outranks the file."""
    verbs = ["milestone.reported", "milestone.added"]
    entries = Entry.objects.filter(subject=project.public_id, verb__in=verbs)
    return {entry.after["kind"] for entry in entries if entry.after}


def _milestone(
    project: Project, planned: PlannedMilestone, is_reported: bool, by: Actor, now: datetime, done: Imported
) -> None:
    """The first announcement stays the plan, so that a moved date is a slip and not a new plan."""
    row = Milestone.objects.filter(project=project, kind=planned.kind).first()
    dates: dict[str, date | None] = {"actual": planned.date if planned.is_actual else None}
    dates["forecast"] = None if planned.is_actual or row is None or row.planned == planned.date else planned.date
    first: dict[str, date | None] = {} if row else {"planned": planned.date}
    if row is None or is_reported:
        milestone = _put(Milestone, {"project": project, "kind": planned.kind}, {} if row else first | dates, done)[0]
    else:
        milestone = _moved(row, dates, by, now, done)
    # A note whose day has moved is the same note: what the file no longer says on a day goes.
    milestone.notes.exclude(date__in=[note.date for note in planned.notes]).delete()
    for note in planned.notes:
        _put(MilestoneNote, {"milestone": milestone, "date": note.date}, {"text": note.text}, done)


def _moved(row: Milestone, dates: dict[str, date | None], by: Actor, now: datetime, done: Imported) -> Milestone:
    """The file's later dates, through the one action that everybody reports through."""
    if (row.forecast, row.actual) == (dates["forecast"], dates["actual"]):
        done.count(done.unchanged, "milestone")
        return row
    done.count(done.updated, "milestone")
    return report_milestone(milestone=row, **dates, by=by, now=now, reason="imported", source=IMPORT)


def _withdraw(plan: CampusPlan, by: Actor, now: datetime, done: Imported) -> None:
    planned = {(project.campus, project.ordinal) for project in plan.projects}
    campuses = [site.handle for site in plan.sites]
    for project in Project.objects.filter(campus__in=campuses, is_withdrawn=False):
        if (project.campus, project.ordinal) not in planned:
            project.is_withdrawn = True
            project.save(update_fields=["is_withdrawn"])
            done.count(done.withdrawn, "project")
            _journal(project, "project.withdrawn", {"is_withdrawn": False}, by, now)


def _journal(project: Project, verb: str, before: dict[str, Any], by: Actor, now: datetime) -> None:
    said = {name: str(value) for name, value in before.items()}
    record(by=by, verb=verb, subject=project.public_id, now=now, before=said)
