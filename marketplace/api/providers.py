"""Supply from its provider: reports of milestones, disruptions, maintenance, files, record, and who may see it.

Keys with the scope supply. What is another provider's is like nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import PageParams, cursor_page, listed
from marketplace.api.problems import Problem, error, explain
from marketplace.api.provider_shapes import (
    DisclosureRequest,
    DisclosureShape,
    DisruptionList,
    DisruptionRequest,
    DisruptionShape,
    FileParams,
    FileRequest,
    FileShape,
    MaintenanceList,
    MaintenanceRequest,
    MaintenanceShape,
    ProjectRequest,
    RecordShape,
    ReportList,
    ReportRequest,
    ReportShape,
    StatedShape,
    WithdrawStatementRequest,
)
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import StrictJson, read
from marketplace.api.views import Door
from marketplace.celery import PROJECT_SUPPLY, wake
from marketplace.supply.disrupting import AlreadyWithdrawn, NotSound
from marketplace.supply.models import (
    DisclosurePolicy,
    Disruption,
    MaintenanceWindow,
    MilestoneReport,
    Project,
    Stated,
)
from marketplace.supply.providing import (
    NotYours,
    ReportRefused,
    Said,
    announce_project,
    disclose,
    enter_own_disruption,
    own_pools,
    own_projects,
    own_row,
    own_sites,
    plan_own_maintenance,
    report_own_milestone,
    withdraw_own,
)
from marketplace.supply.report_files import MOST_BYTES
from marketplace.supply.taking_in import Effect, FileRefused, preview, take_in
from marketplace.supply.trusting import record_and_trust
from marketplace.units import clock

CHANGED = (400, 401, 403, 404, 409, 415, 422, 503)


@explain.register
def _(failure: NotYours) -> Problem:
    return Problem("not_found")


@explain.register(ReportRefused)
@explain.register(NotSound)
def _(failure: ReportRefused | NotSound) -> Problem:
    return Problem("invalid", errors=[error(f"/{field}", "invalid", said) for field, said in failure.faults.items()])


@explain.register
def _(failure: AlreadyWithdrawn) -> Problem:
    return Problem("invalid", errors=[error("", "withdrawn", "It was withdrawn before: it changes nothing any more.")])


@explain.register
def _(failure: FileRefused) -> Problem:
    faults = failure.faults[:100]
    pointers = [f"/{fault.line}/{fault.column}" if fault.column else f"/{fault.line}" for fault in faults]
    told = [error(pointer, "invalid", str(fault)) for pointer, fault in zip(pointers, faults, strict=True)]
    return Problem("invalid", f"Nothing of the file was taken in: {len(failure.faults)} places are wrong.", errors=told)


class CsvText(BaseParser):
    """The file itself, as the body."""

    media_type = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return stream.read()


class SupplyDoor(Door):
    """A provider's own supply, for keys made for it."""

    scopes: ClassVar[dict[str, str]] = {"GET": "supply", "POST": "supply"}

    def once(self, request: Request, action: Callable[[], Any], render: Callable[[Any], tuple[int, Any]]) -> Response:
        def done() -> Any:
            found = action()
            wake(PROJECT_SUPPLY)
            return found

        return answer_once(request, organisation_id=self.organisation_id, action=done, render=render)


def said_of(body: Mapping[str, Any]) -> Said:
    days: dict[str, date | None] = {name: body.get(name) for name in ("planned", "forecast", "actual")}
    return Said(body["kind"], **days, note=body.get("note", ""))


def new_project(door: Door, request: Request, render: Callable[[Project], Any]) -> Response:
    """POST /projects: its answer looks as GET /projects/{id} does, which is pricing's to say."""
    body = read(ProjectRequest, request.data)
    by, said = door.key.as_actor(), [said_of(each) for each in body.pop("milestones")]

    def action() -> Project:
        made = announce_project(provider_id=door.organisation_id, milestones=said, by=by, now=clock.now(), **body)
        wake(PROJECT_SUPPLY)
        return made

    return answer_once(
        request,
        organisation_id=door.organisation_id,
        action=action,
        render=lambda made: (201, render(made)),
    )


def own_project(door: Door, public_id: str) -> Project:
    """The tenant's wall, before anything is said of the body."""
    found = own_projects(door.organisation_id).filter(public_id=public_id).first()
    if found is None:
        raise NotFound
    return found


class MilestoneReports(SupplyDoor):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_milestone_reports",
        summary="What was reported of a project's milestones",
        tags=["supply"],
        parameters=[PageParams],
        responses={200: ReportList, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """Newest first, by whom: never edited. At most the newest `limit`."""
        project = own_project(self, public_id)
        rows = MilestoneReport.objects.filter(milestone__project=project).select_related("milestone")
        return Response(listed(list(ReportShape(rows[: self.params["limit"]], many=True).data)))

    @extend_schema(
        operation_id="report_milestone",
        summary="Report a milestone of your project",
        tags=["supply"],
        parameters=keyed(),
        request=ReportRequest,
        responses={201: ReportShape, **problems(*CHANGED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """The plan stays, so that slips can be seen; supply is projected anew within seconds."""
        own_project(self, public_id)
        body = read(ReportRequest, request.data)
        by, said = self.key.as_actor(), said_of(body)
        return self.once(
            request,
            lambda: report_own_milestone(
                provider_id=self.organisation_id, project=public_id, said=said, by=by, now=clock.now()
            ),
            lambda milestone: (201, _newest(milestone)),
        )


def _newest(milestone: Any) -> Any:
    report = milestone.reports.select_related("milestone").first()
    if report is not None:
        return ReportShape(report).data
    return {**dict.fromkeys(ReportShape().fields), "object": "milestone_report", "kind": milestone.kind} | {
        "planned": milestone.planned
    }


class Disruptions(SupplyDoor):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_disruptions",
        summary="Disruptions that you reported",
        tags=["supply"],
        parameters=[PageParams],
        responses={200: DisruptionList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first, withdrawn ones too."""
        own = Disruption.objects.filter(provider_id=self.organisation_id).select_related("site", "pool", "project")
        shown = cursor_page(
            request, among=own, chosen=own, params=self.params, render=lambda row: DisruptionShape(row).data
        )
        return Response(shown)

    @extend_schema(
        operation_id="report_disruption",
        summary="Report a disruption of your site, pool or project",
        tags=["supply"],
        parameters=keyed(),
        request=DisruptionRequest,
        responses={201: DisruptionShape, **problems(*CHANGED)},
    )
    def post(self, request: Request) -> Response:
        """It holds milestones up, takes a share of GPUs away, or leaves a site so many MW for a time."""
        body = read(DisruptionRequest, request.data)
        by, whose = self.key.as_actor(), self.organisation_id
        rows = {"site": own_sites(whose), "pool": own_pools(whose), "project": own_projects(whose)}

        def action() -> Disruption:
            scope = {name: own_row(found, name, body[name]) for name, found in rows.items() if name in body}
            made = Disruption(**{**body, **scope})
            return enter_own_disruption(provider_id=whose, disruption=made, by=by, now=clock.now())

        return self.once(request, action, lambda made: (201, DisruptionShape(made).data))


class Maintenance(SupplyDoor):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_maintenance",
        summary="Maintenance that you planned",
        tags=["supply"],
        parameters=[PageParams],
        responses={200: MaintenanceList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first, withdrawn ones too."""
        own = MaintenanceWindow.objects.filter(provider_id=self.organisation_id).select_related("pool")
        shown = cursor_page(
            request, among=own, chosen=own, params=self.params, render=lambda row: MaintenanceShape(row).data
        )
        return Response(shown)

    @extend_schema(
        operation_id="plan_maintenance",
        summary="Plan maintenance of your pool",
        tags=["supply"],
        parameters=keyed(),
        request=MaintenanceRequest,
        responses={201: MaintenanceShape, **problems(*CHANGED)},
    )
    def post(self, request: Request) -> Response:
        """For its time only a share of the pool's GPUs can be used."""
        body = read(MaintenanceRequest, request.data)
        by, whose = self.key.as_actor(), self.organisation_id

        def action() -> MaintenanceWindow:
            pool = own_row(own_pools(whose), "pool", body["pool"])
            window = MaintenanceWindow(**{**body, "pool": pool})
            return plan_own_maintenance(provider_id=whose, window=window, by=by, now=clock.now())

        return self.once(request, action, lambda made: (201, MaintenanceShape(made).data))


class _Withdraw(SupplyDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "supply"}
    model: ClassVar[type[Stated]]
    shape: ClassVar[type[StatedShape]]

    def _withdraw(self, request: Request, public_id: str) -> Response:
        body, by = read(WithdrawStatementRequest, request.data), self.key.as_actor()
        return self.once(
            request,
            lambda: withdraw_own(
                provider_id=self.organisation_id,
                model=self.model,
                public_id=public_id,
                by=by,
                now=clock.now(),
                **body,
            ),
            lambda row: (200, self.shape(row).data),
        )


class WithdrawDisruption(_Withdraw):
    model, shape = Disruption, DisruptionShape

    @extend_schema(
        operation_id="withdraw_disruption",
        summary="Withdraw a disruption that you reported",
        tags=["supply"],
        parameters=keyed(),
        request=WithdrawStatementRequest,
        responses={200: DisruptionShape, **problems(*CHANGED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """It stays on record, and later projections are made without it."""
        return self._withdraw(request, public_id)


class WithdrawMaintenance(_Withdraw):
    model, shape = MaintenanceWindow, MaintenanceShape

    @extend_schema(
        operation_id="withdraw_maintenance",
        summary="Withdraw maintenance that you planned",
        tags=["supply"],
        parameters=keyed(),
        request=WithdrawStatementRequest,
        responses={200: MaintenanceShape, **problems(*CHANGED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """It stays on record, and later projections are made without it."""
        return self._withdraw(request, public_id)


class SupplyFiles(SupplyDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "supply"}
    params_shape = FileParams
    parser_classes = (CsvText, StrictJson)
    most_bytes = MOST_BYTES

    @extend_schema(
        operation_id="send_supply_file",
        summary="A file of milestone reports",
        tags=["supply"],
        parameters=[FileParams, *keyed()],
        request={"text/csv": OpenApiTypes.STR, "application/json": FileRequest},
        responses={200: FileShape, **problems(400, 401, 403, 409, 413, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """Columns project, kind, planned, forecast, actual, note. All lines are taken in, or none: every place that is
        wrong is named. `dry_run=true` says what it would change, and changes nothing."""
        sent: Any = request.data
        whose, by = self.organisation_id, self.key.as_actor()
        raw = sent if isinstance(sent, bytes) else read(FileRequest, sent)["csv"].encode()
        if self.params["dry_run"]:
            effects = preview(provider_id=whose, raw=raw, today=clock.today())
            return Response(_file(effects, taken_in=False))
        return self.once(
            request,
            lambda: take_in(provider_id=whose, raw=raw, by=by, now=clock.now()),
            lambda effects: (200, _file(effects, taken_in=True)),
        )


def _file(effects: list[Effect], *, taken_in: bool) -> Any:
    rows = [{**asdict(each), "days": each.days} for each in effects]
    return FileShape({"taken_in": taken_in, "changes": rows}).data


class ProviderRecordDoor(SupplyDoor):
    scopes: ClassVar[dict[str, str]] = {"GET": "supply"}

    @extend_schema(
        operation_id="get_provider_record",
        summary="What you announced, and what came of it",
        tags=["supply"],
        responses={200: RecordShape, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """And how far the projection trusts your next announcements for it. You and our staff see this, nobody else."""
        record, trust = record_and_trust(self.organisation_id, clock.today())
        return Response(RecordShape({**asdict(record), **asdict(trust)}).data)


class Disclosure(SupplyDoor):
    @extend_schema(
        operation_id="get_disclosure",
        summary="Who sees your milestones and causes",
        tags=["supply"],
        responses={200: DisclosureShape, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """The version in force. Buyers see dates and confidence of their own reservations in any case."""
        return Response(DisclosureShape(DisclosurePolicy.objects.in_force(self.organisation_id, clock.now())).data)

    @extend_schema(
        operation_id="publish_disclosure",
        summary="Say who sees your milestones and causes",
        tags=["supply"],
        parameters=keyed(),
        request=DisclosureRequest,
        responses={201: DisclosureShape, **problems(*CHANGED)},
    )
    def post(self, request: Request) -> Response:
        """A new version, in force at once; the ones before stay on record."""
        body, by = read(DisclosureRequest, request.data), self.key.as_actor()
        provider = self.key.organisation
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: disclose(provider=provider, by=by, now=clock.now(), **body),
            render=lambda made: (201, DisclosureShape(made).data),
        )
