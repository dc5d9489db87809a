"""A seller's supply on pages: its projects, one report at a time or a file of them, its record, and who may see it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from marketplace.celery import PROJECT_SUPPLY, wake
from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.supply.models import AUDIENCES, MILESTONE_KINDS, DisclosurePolicy, Disruption, MilestoneReport
from marketplace.supply.providing import (
    NotYours,
    ReportRefused,
    Said,
    disclose,
    own_pools,
    own_projects,
    report_own_milestone,
)
from marketplace.supply.report_files import COLUMNS, MOST_BYTES, Fault
from marketplace.supply.taking_in import FileRefused, preview, take_in
from marketplace.supply.trusting import record_and_trust
from marketplace.units import clock
from marketplace.web.access import member_page, require_buyer
from marketplace.web.rules import first_fault, require_admin

BACK = "providing"
FAULTS_SHOWN, REPORTS_SHOWN = 50, 20
DATE = forms.DateInput(attrs={"type": "date"})


class ReportForm(forms.Form):
    kind = forms.ChoiceField(choices=MILESTONE_KINDS, label="Milestone")
    planned = forms.DateField(required=False, widget=DATE, help_text="Only for one that the project does not have yet.")
    forecast = forms.DateField(required=False, widget=DATE, help_text="The day on which it is expected now.")
    actual = forms.DateField(required=False, widget=DATE, help_text="The day on which it came.")
    note = forms.CharField(required=False, max_length=500, help_text="Why, in words that a buyer would understand.")

    def __init__(self, data: Any, found: Membership) -> None:
        super().__init__(data)
        rows = own_projects(found.organisation_id).select_related("pool__site").order_by("campus", "ordinal")
        choices = [(project.public_id, f"{project.pool.site.name}, {project.name}") for project in rows]
        self.fields["project"] = forms.ChoiceField(choices=choices)
        self.order_fields(["project"])

    def said(self) -> Said:
        values = self.cleaned_data
        return Said(values["kind"], values["planned"], values["forecast"], values["actual"], values["note"])


class FileForm(forms.Form):
    file = forms.FileField(label="CSV file", help_text=f"Columns {', '.join(COLUMNS)}; the first line names them.")


class DisclosureForm(forms.Form):
    milestones_to = forms.ChoiceField(choices=AUDIENCES, label="Who sees milestones and their dates")
    causes_to = forms.ChoiceField(choices=AUDIENCES, label="Who sees what a project waits for")
    after_days = forms.IntegerField(
        min_value=0, max_value=365, label="From when, days", help_text="Days from a report until others see it."
    )


@require_GET
@member_page
def show(request: HttpRequest, found: Membership) -> HttpResponse:
    """Open to every member; who sells nothing is told how selling starts."""
    return render(request, "marketplace/providing.html", _context(found))


def _context(found: Membership, **more: Any) -> dict[str, Any]:
    whose, now = found.organisation_id, clock.now()
    record, trust = record_and_trust(whose, now.date())
    policy = DisclosurePolicy.objects.in_force(whose, now)
    now_said = {name: getattr(policy, name) for name in ("milestones_to", "causes_to", "after_days")}
    reports = MilestoneReport.objects.filter(milestone__project__pool__seller_id=whose)
    return {
        "nav": "selling",
        "is_seller": own_pools(whose).exists(),
        "may_buy": found.may_buy,
        "may_administer": found.may_administer,
        "projects": own_projects(whose).select_related("pool__site").prefetch_related("milestones").order_by("pk"),
        "record": record,
        "trust": trust,
        "policy": policy,
        "reports": reports.select_related("milestone__project")[:REPORTS_SHOWN],
        "disruptions": Disruption.objects.filter(provider_id=whose).order_by("-pk")[:REPORTS_SHOWN],
        "report_form": ReportForm(None, found),
        "file_form": FileForm(),
        "disclosure_form": DisclosureForm(initial=now_said),
        **more,
    }


@require_POST
@member_page
def report(request: HttpRequest, found: Membership) -> HttpResponse:
    """One report."""
    require_buyer(found)
    form = ReportForm(request.POST, found)
    if not form.is_valid():
        messages.warning(request, f"{first_fault(form)} Nothing was reported.")
        return redirect(BACK)
    by, whose = found.user.as_actor(found.organisation_id), found.organisation_id
    try:
        change.run(
            lambda: report_own_milestone(
                provider_id=whose, project=form.cleaned_data["project"], said=form.said(), by=by, now=clock.now()
            )
        )
    except (ReportRefused, NotYours) as refused:
        messages.warning(request, f"{refused} Nothing was reported.")
    except change.Busy:
        messages.warning(request, "Somebody else was changing the same thing. Nothing was reported; please try again.")
    else:
        wake(PROJECT_SUPPLY)
        messages.success(request, "Reported. Supply is projected anew within seconds.")
    return redirect(BACK)


@require_POST
@member_page
def send_file(request: HttpRequest, found: Membership) -> HttpResponse:
    """A file: looked at first, and then taken in whole or not at all. Every wrong place is named."""
    require_buyer(found)
    raw = _sent(request)
    if raw is None:
        messages.warning(request, f"Choose a file of at most {MOST_BYTES // 1_000_000} MB. Nothing was taken in.")
        return redirect(BACK)
    try:
        if "take_in" not in request.POST:
            return _looked_at(request, found, raw)
        return _taken_in(request, found, raw)
    except FileRefused as refused:
        return _refused(request, found, refused.faults)


def _sent(request: HttpRequest) -> bytes | None:
    """The file's bytes, or those of the one that was looked at a moment ago and is sent again as text."""
    if "text" in request.POST:
        return request.POST["text"].encode()
    file = request.FILES.get("file")
    return None if file is None or (file.size or 0) > MOST_BYTES else file.read()


def _looked_at(request: HttpRequest, found: Membership, raw: bytes) -> HttpResponse:
    effects = preview(provider_id=found.organisation_id, raw=raw, today=clock.today())
    more = {"effects": effects, "text": raw.decode("utf-8-sig"), "looked_at": True}
    return render(request, "marketplace/providing.html", _context(found, **more))


def _taken_in(request: HttpRequest, found: Membership, raw: bytes) -> HttpResponse:
    by = found.user.as_actor(found.organisation_id)
    effects = change.run(lambda: take_in(provider_id=found.organisation_id, raw=raw, by=by, now=clock.now()))
    wake(PROJECT_SUPPLY)
    messages.success(request, f"{len(effects)} milestones have new dates. Supply is projected anew within seconds.")
    return redirect(BACK)


def _refused(request: HttpRequest, found: Membership, faults: list[Fault]) -> HttpResponse:
    more = {"faults": faults[:FAULTS_SHOWN], "more_faults": max(len(faults) - FAULTS_SHOWN, 0)}
    return render(request, "marketplace/providing.html", _context(found, **more), status=422)


@require_POST
@member_page
def publish_disclosure(request: HttpRequest, found: Membership) -> HttpResponse:
    by, form = require_admin(found), DisclosureForm(request.POST)
    if not form.is_valid():
        messages.warning(request, f"{first_fault(form)} Nothing was changed.")
        return redirect(BACK)
    change.run(lambda: disclose(provider=found.organisation, by=by, now=clock.now(), **form.cleaned_data))
    messages.success(request, "In force. Buyers see dates and confidence of their own reservations in any case.")
    return redirect(BACK)
