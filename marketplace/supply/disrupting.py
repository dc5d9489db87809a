"""What will happen to sites, pools and projects: entered with a reason, withdrawn with a reason, never deleted."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.supply.models import (
    LONGEST_DAYS,
    MILESTONE_KINDS,
    Disruption,
    MaintenanceWindow,
    Milestone,
    Stated,
)
from marketplace.supply.reporting import request_projection

KINDS = [kind for kind, _ in MILESTONE_KINDS]


class NotSound(Exception):
    """What was entered contradicts itself or can change nothing. `faults`: field -> what is wrong, what would be right.

    The empty field name stands for the whole.
    """

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = faults


class AlreadyWithdrawn(Exception):
    """It was withdrawn before: it changes nothing any more."""


def enter_disruption(*, disruption: Disruption, by: Actor, now: datetime) -> Disruption:
    """Writes a disruption down and asks for the projection that takes it in. Raises NotSound with every fault."""
    _enter(disruption, disruption_faults(disruption, today=now.date()), by, now)
    return disruption


def plan_maintenance(*, window: MaintenanceWindow, by: Actor, now: datetime) -> MaintenanceWindow:
    """Writes a maintenance window down and asks for a projection. Raises NotSound with every fault."""
    _enter(window, maintenance_faults(window, today=now.date()), by, now)
    return window


def withdraw(*, stated: Stated, by: Actor, now: datetime, reason: str) -> None:
    """Takes a disruption or a maintenance window out of all later projections. It stays on record, with the reason."""
    if not reason.strip():
        raise NotSound({"reason": "Say why it is withdrawn: the reason stays on record."})
    rows = type(stated)._default_manager.select_for_update(of=("self",))
    if not rows.filter(pk=stated.pk, withdrawn_at=None):
        raise AlreadyWithdrawn
    stated.withdrawn_by, stated.withdrawn_at, stated.withdrawn_reason = by.label, now, reason.strip()
    stated.save(update_fields=["withdrawn_by", "withdrawn_at", "withdrawn_reason"])
    verb = f"{stated._meta.model_name}.withdrawn"
    record(by=by, verb=verb, subject=stated.public_id, now=now, before=said(stated), reason=reason.strip())
    request_projection(reason=f"withdrawn: {stated.reason}", now=now)


def _enter(stated: Stated, faults: dict[str, str], by: Actor, now: datetime) -> None:
    if faults:
        raise NotSound(faults)
    stated.entered_by, stated.entered_at = by.label, now
    stated.save(force_insert=True)
    verb = f"{stated._meta.model_name}.entered"
    record(by=by, verb=verb, subject=stated.public_id, now=now, after=said(stated), reason=stated.reason)
    request_projection(reason=stated.reason, now=now)


def said(stated: Stated) -> dict[str, object]:
    """What was entered, as JSON."""
    skip = {"id", "public_id", "entered_by", "entered_at", "withdrawn_by", "withdrawn_at", "withdrawn_reason"}
    skip |= {"provider_id"} if stated.provider_id is None else set()
    names = [field.attname for field in stated._meta.concrete_fields if field.attname not in skip]
    values = {name: getattr(stated, name) for name in names}
    return {name: str(value) if isinstance(value, date | Decimal) else value for name, value in values.items()}


def disruption_faults(disruption: Disruption, *, today: date) -> dict[str, str]:
    """Everything that is wrong with a disruption, by field; nothing if it is sound."""
    faults = _of_scope(disruption) | _of_effect(disruption) | _of_share(disruption) | _of_dates(disruption)
    faults |= _of_power(disruption)
    if not faults:
        faults = _without_effect(disruption, today)
    return faults


def maintenance_faults(window: MaintenanceWindow, *, today: date) -> dict[str, str]:
    """Everything that is wrong with a maintenance window, by field; nothing if it is sound."""
    faults = _of_dates(window)
    if not 0 <= window.usable_share < 1:
        faults["usable_share"] = _SHARE
    if not faults and window.ends <= today:
        faults["ends"] = f"It was over before today, {today}: a projection looks ahead only."
    return faults


_SHARE = "The share that stays usable is from 0 to below 1: 0.75 while a quarter is away."


def _of_dates(stated: Stated) -> dict[str, str]:
    faults = {}
    if stated.ends <= stated.starts:
        faults["ends"] = f"The end is the day after the last one: {stated.starts + timedelta(days=1)} or later."
    if (stated.ends - stated.starts).days > LONGEST_DAYS:
        faults["ends"] = f"At most {LONGEST_DAYS} days: what lasts longer is another plan."
    if not stated.reason.strip():
        faults["reason"] = "Say what happens: the projection that takes it in names it."
    return faults


def _of_scope(disruption: Disruption) -> dict[str, str]:
    named = [name for name in ("site", "pool", "project") if getattr(disruption, f"{name}_id") is not None]
    if len(named) > 1:
        return dict.fromkeys(named[1:], f"It is about one {named[0]} already: leave this empty.")
    if not named and not disruption.milestone_kinds:
        return {"site": "Choose a site, a pool or a project, or name kinds of milestone that are held up everywhere."}
    return {}


def _of_effect(disruption: Disruption) -> dict[str, str]:
    kinds, days = disruption.milestone_kinds, disruption.delay_days
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        return {"milestone_kinds": f"There is no {', '.join(unknown)}; there are {', '.join(KINDS)}."}
    if days > LONGEST_DAYS or disruption.work_days > LONGEST_DAYS:
        return {"delay_days" if days > LONGEST_DAYS else "work_days": f"At most {LONGEST_DAYS} days."}
    if kinds and not days:
        return {"delay_days": f"Say by how many days {', '.join(kinds)} comes later."}
    if days and not kinds:
        return {"milestone_kinds": f"Name the kinds of milestone that come {days} days later."}
    if not days and disruption.usable_share is None and disruption.mw_available is None:
        said = "It has no effect yet: give days and kinds of milestone, the share that stays usable, or the MW left."
        return {"delay_days": said}
    return {}


def _of_share(disruption: Disruption) -> dict[str, str]:
    share = disruption.usable_share
    if share is None:
        return {}
    if not 0 <= share < 1:
        return {"usable_share": _SHARE}
    if disruption.site_id is None and disruption.pool_id is None:
        return {"usable_share": "Only a site or a pool can lose a share of its GPUs: choose one, or leave this empty."}
    return {}


def _of_power(disruption: Disruption) -> dict[str, str]:
    left, site = disruption.mw_available, disruption.site
    if left is None:
        return {}
    if site is None:
        return {"mw_available": "Only a site has power to lose: choose one, or leave this empty."}
    if left < 0 or (site.facility_mw and left >= site.facility_mw):
        return {"mw_available": f"What is left is from 0 to below the {site.facility_mw:f} MW that {site} has."}
    return {}


def _without_effect(disruption: Disruption, today: date) -> dict[str, str]:
    """What is sound in itself and yet would change nothing is a mistake of somebody's."""
    if not disruption.delay_days:
        over = disruption.ends <= today
        return {"ends": f"It was over before today, {today}: a projection looks ahead only."} if over else {}
    if disruption.ends + timedelta(days=disruption.work_days + disruption.delay_days) <= today:
        return {"ends": f"It was over long before today, {today}: no open milestone can be hit any more."}
    if not open_milestones(disruption).exists():
        kinds = ", ".join(disruption.milestone_kinds)
        return {"milestone_kinds": f"Nothing there waits for {kinds}: no project has such a milestone open."}
    return {}


def open_milestones(disruption: Disruption) -> QuerySet[Milestone]:
    """The milestones that a disruption could hit, whenever they come."""
    found = Milestone.objects.filter(kind__in=disruption.milestone_kinds, actual=None)
    found = found.filter(project__is_withdrawn=False, project__gpus__gt=0)
    if disruption.site_id is not None:
        return found.filter(project__pool__site=disruption.site_id)
    if disruption.pool_id is not None:
        return found.filter(project__pool=disruption.pool_id)
    if disruption.project_id is not None:
        return found.filter(project=disruption.project_id)
    return found
