"""The continuity planner on the web: three questions, their answers, and the scenarios that were kept."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.parties.models import ADMIN, Membership
from marketplace.screening.models import EndCustomer
from marketplace.units import clock
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.need import BadNeed
from reservations.continuity.actions import change_scenario, delete_scenario, save_scenario, work_out_again
from reservations.continuity.asked import CLOSURE, GROWTH, OUTAGE, QUESTIONS, Question, parse_question
from reservations.continuity.holdings import Holdings, holdings, known_places
from reservations.continuity.models import ORGANISATION, PRIVATE, VISIBILITIES, Scenario, ScenarioResult
from reservations.continuity.queries import (
    MOST_COMPARED,
    Answer,
    ScenarioNotFound,
    chosen_to_compare,
    may_do,
    side_by_side,
    visible,
    work_out,
)
from reservations.web.continuity_csv import lines_of
from reservations.web.continuity_forms import FORMS, ClosureForm, QuestionForm, answers_of
from reservations.web.continuity_views import WORDS, said, view_of
from reservations.web.refusals import REFUSALS, sentence

ROWS_A_PAGE = 25
NAV = {"nav": "continuity"}
INTRODUCED = {
    OUTAGE: (
        "What stops if a site is late or lost?",
        "Coverage by day, and which of your reservations stop or begin late.",
    ),
    GROWTH: (
        "What does it cost if usage doubles?",
        "Bought now, or later by the forward curve; overage once it has a rate.",
    ),
    CLOSURE: (
        "Where to go if a country or region closes?",
        "Alternatives with price and date for each reservation there, and a bundle ready to quote.",
    ),
}


def _who(found: Membership) -> Actor:
    return found.user.as_actor(found.organisation_id)


def _form(kind: str, data: Any, found: Holdings) -> QuestionForm:
    if kind == CLOSURE:
        return ClosureForm(data, found, known_places().countries)
    return FORMS[kind](data, found)


@require_GET
@member_page
def index(request: HttpRequest, found: Membership) -> HttpResponse:
    """The three questions, and the scenarios that may be seen."""
    seen = visible(organisation_id=found.organisation_id, to=_who(found)).with_latest()
    is_archive = request.GET.get("archived") == "yes"
    page = Paginator(seen.filter(archived_at__isnull=not is_archive), ROWS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        **NAV,
        "page": page,
        "questions": [(kind, *INTRODUCED[kind]) for kind in INTRODUCED],
        "names": dict(QUESTIONS),
        "is_archive": is_archive,
        "query": "archived=yes&" if is_archive else "",
        "archived": seen.exclude(archived_at=None).count(),
        "most": MOST_COMPARED,
    }
    return render(request, "reservations/continuity.html", context)


@require_GET
@member_page
def ask(request: HttpRequest, found: Membership, question: str) -> HttpResponse:
    """One question and its answer. Asking holds nothing, costs nothing, and is no enquiry."""
    if question not in FORMS:
        raise Http404
    now = clock.now()
    held = holdings(organisation_id=found.organisation_id, now=now)
    form = _form(question, request.GET if request.GET else None, held)
    context: dict[str, Any] = {
        **NAV,
        "form": form,
        "question": question,
        "heading": INTRODUCED[question],
        "has_any": bool(held.reservations),
        "may_buy": found.may_buy,
        "visibilities": VISIBILITIES,
    }
    answer = _answered(form, found) if form.is_bound else None
    if answer is not None:
        context |= {"found": answer, **view_of(question, answer.document), "asked": request.GET.urlencode()}
        context["end_customers"] = EndCustomer.objects.of(found.organisation_id).filter(archived_at=None)
    return render(request, "reservations/continuity_question.html", context)


def _answered(form: QuestionForm, found: Membership) -> Answer | None:
    """The answer to a form; None where it makes no sense, and then the form says why."""
    if not form.is_valid():
        return None
    now = clock.now()
    try:
        asked = parse_question(form.kind, form.as_body(), today=now.date(), known=known_places())
    except BadNeed as bad:
        form.show_faults(bad)
        return None
    return _worked_out(asked, found)


def _worked_out(asked: Question, found: Membership) -> Answer:
    return work_out(question=asked, organisation_id=found.organisation_id, now=clock.now())


@require_GET
@member_page
def export(request: HttpRequest, found: Membership, question: str) -> StreamingHttpResponse | HttpResponse:
    """The answer to a question as CSV; one that makes no sense goes back to its page."""
    if question not in FORMS:
        raise Http404
    held = holdings(organisation_id=found.organisation_id, now=clock.now())
    answer = _answered(_form(question, request.GET, held), found)
    if answer is None:
        return redirect(f"{reverse('continuity-question', args=[question])}?{request.GET.urlencode()}")
    return _file(answer.document, question)


def _file(document: dict[str, Any], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines_of(document), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="continuity-{name}.csv"'
    return response


@require_POST
@member_page
def keep(request: HttpRequest, found: Membership) -> HttpResponse:
    """Works a question out once more, and keeps it with its answer."""
    require_buyer(found)
    question, asked = request.POST.get("question", ""), QueryDict(request.POST.get("asked", ""))
    if question not in FORMS:
        raise Http404
    back = f"{reverse('continuity-question', args=[question])}?{asked.urlencode()}"
    held = holdings(organisation_id=found.organisation_id, now=clock.now())
    answer = _answered(_form(question, asked, held), found)
    if answer is None:
        return redirect(back)
    try:
        scenario = change.run(
            lambda: save_scenario(
                name=request.POST.get("name", ""),
                visibility=request.POST.get("visibility", PRIVATE),
                answer=answer,
                organisation=found.organisation,
                by=_who(found),
            )
        )
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return redirect(back)
    messages.success(request, f"Kept as “{scenario.name}”.")
    return redirect("scenario", scenario.public_id)


def _seen(found: Membership, public_id: str) -> Scenario:
    seen = visible(organisation_id=found.organisation_id, to=_who(found)).with_latest()
    scenario = seen.filter(public_id=public_id).first()
    if scenario is None:
        raise Http404
    return scenario


@require_GET
@member_page
def scenario(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """A scenario with the answer worked out last, or an earlier one."""
    kept = _seen(found, public_id)
    results = list(ScenarioResult.objects.filter(scenario=kept).defer("document").order_by("-pk"))
    earlier = next((each for each in results if str(each.pk) == request.GET.get("result")), None)
    chosen = earlier or kept.latest
    query = urlencode(answers_of(kept.question, kept.inputs), doseq=True)
    context = {
        **NAV,
        "scenario": kept,
        "result": chosen,
        "results": results,
        "may": may_do(kept, _who(found), is_admin=found.role == ADMIN, may_buy=found.may_buy),
        "is_shared": kept.visibility == ORGANISATION,
        "ask_href": f"{reverse('continuity-question', args=[kept.question])}?{query}",
        **view_of(kept.question, chosen.document),
    }
    return render(request, "reservations/scenario.html", context)


@require_GET
@member_page
def scenario_file(request: HttpRequest, found: Membership, public_id: str) -> StreamingHttpResponse:
    """The scenario's last answer as CSV."""
    kept = _seen(found, public_id)
    return _file(kept.latest.document, kept.question)


@require_GET
@member_page
def compare(request: HttpRequest, found: Membership) -> HttpResponse:
    """Scenarios side by side."""
    named = list(dict.fromkeys(request.GET.getlist("scenario")))
    if not 2 <= len(named) <= MOST_COMPARED:
        messages.warning(request, f"Choose 2 to {MOST_COMPARED} scenarios to compare.")
        return redirect("continuity")
    try:
        chosen = chosen_to_compare(named, organisation_id=found.organisation_id, to=_who(found))
    except ScenarioNotFound as error:
        raise Http404 from error
    beside = side_by_side(chosen)
    rows = [
        (WORDS[code], [said({"code": code, "unit": unit, "value": value}) for value in values])
        for code, unit, values in beside.figures
    ]
    columns = [(each, each.latest, view_of(each.question, each.latest.document)["pictures"][:1]) for each in chosen]
    context = {**NAV, "columns": columns, "rows": rows, "names": dict(QUESTIONS)}
    return render(request, "reservations/scenarios_compared.html", context)


@require_POST
@member_page
def act(request: HttpRequest, found: Membership, public_id: str, verb: str) -> HttpResponse:
    """Renames, shares, archives, brings back, works out again or deletes a scenario."""
    require_buyer(found)
    if verb not in VERBS:
        raise Http404
    act_on, done = VERBS[verb]
    try:
        change.run(lambda: act_on(request, found, public_id))
    except ScenarioNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return redirect("scenario", public_id)
    messages.success(request, done)
    return redirect("continuity") if verb == "delete" else redirect("scenario", public_id)


def _changed(request: HttpRequest, found: Membership, public_id: str, **what: Any) -> None:
    change_scenario(public_id=public_id, organisation_id=found.organisation_id, by=_who(found), **what)


def _deleted(request: HttpRequest, found: Membership, public_id: str) -> None:
    is_admin, whose = found.role == ADMIN, found.organisation_id
    delete_scenario(public_id=public_id, organisation_id=whose, by=_who(found), is_admin=is_admin)


def _again(request: HttpRequest, found: Membership, public_id: str) -> None:
    work_out_again(public_id=public_id, organisation_id=found.organisation_id, by=_who(found))


VERBS: dict[str, tuple[Callable[[HttpRequest, Membership, str], None], str]] = {
    "rename": (lambda r, f, key: _changed(r, f, key, name=r.POST.get("name", "")), "Renamed."),
    "share": (lambda r, f, key: _changed(r, f, key, visibility=r.POST.get("visibility", "")), "Changed who sees it."),
    "archive": (lambda r, f, key: _changed(r, f, key, is_archived=True), "Archived. You can bring it back."),
    "restore": (lambda r, f, key: _changed(r, f, key, is_archived=False), "Brought back."),
    "work-out": (_again, "Worked out again, under the supply and prices of now."),
    "delete": (_deleted, "Deleted for ever."),
}
