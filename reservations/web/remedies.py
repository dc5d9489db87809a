"""A slip on the buyer's pages: what happened, what can be chosen until when, and the thread about a cause."""

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.units.instants import in_words
from marketplace.web.access import member_page, require_buyer
from marketplace.web.charts.milestones import Slipped, milestone_rows, milestone_table
from marketplace.web.charts.odds import Odds, odds_dots, odds_table
from reservations.allocation.causes import CauseDispute
from reservations.allocation.choosing import RemedyNotFound, choose
from reservations.allocation.deciding import OPEN
from reservations.allocation.lateness import owed
from reservations.allocation.leaving import leave_at_long_stop, may_leave
from reservations.allocation.remedies import Remedy
from reservations.allocation.stating import (
    CauseNotFound,
    DisputeNotFound,
    causes_of,
    open_dispute,
    post_to_dispute,
)
from reservations.booking.lifecycle import ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.states import CUSTOMER, roles_of_member
from reservations.web.refusals import REFUSALS, sentence


def remedy_context(reservation: Reservation, found: Membership, now: datetime) -> dict[str, Any]:
    """What the reservation's page shows of slips: the remedy that stands, causes and disputes, and what is owed."""
    remedies = list(Remedy.objects.of(found.organisation_id).filter(reservation=reservation).shown())
    latest = remedies[0] if remedies else None
    disputes = {
        each.cause_id: each for each in CauseDispute.objects.of(found.organisation_id).filter(reservation=reservation)
    }
    causes = causes_of(reservation) if remedies or disputes else []
    return {
        "remedy": latest,
        "remedy_state": latest.state(now) if latest else "",
        "remedies": [(each, each.state(now)) for each in remedies],
        "causes": [(cause, disputes.get(cause.pk)) for cause in causes],
        "may_choose": not CUSTOMER.isdisjoint(roles_of_member(found.role)),
        "lateness": owed(reservation, now) if remedies else None,
        "may_leave": may_leave(reservation, now),
        **(_charts(latest) if latest and latest.state(now) == OPEN else {}),
    }


def _charts(remedy: Remedy) -> dict[str, Any]:
    """Drawn where the data is there."""
    dates = [date.fromisoformat(day) for day in remedy.outlook.get("dates", [])]
    slipped = [
        Slipped(each["name"], date.fromisoformat(each["planned"]), date.fromisoformat(each["forecast"]))
        for each in remedy.outlook.get("milestones", [])
    ]
    odds = Odds(dates, remedy.agreed_start)
    drawn: dict[str, Any] = {}
    if dates:
        drawn |= {"odds": odds, "odds_chart": odds_dots(odds), "odds_table": odds_table(odds)}
    if slipped:
        drawn |= {"milestone_chart": milestone_rows(slipped), "milestone_table": milestone_table(slipped)}
    return drawn


@require_POST
@member_page
def choose_remedy(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Takes one of the choices; until the deadline another one can be taken in its place."""
    remedy = Remedy.objects.of(found.organisation_id).select_related("reservation").filter(public_id=public_id).first()
    if remedy is None:
        raise Http404
    require_buyer(found)
    by, roles = found.user.as_actor(found.organisation_id), roles_of_member(found.role)
    wanted = request.POST.get("choice", "")
    try:
        made = change.run(
            lambda: choose(remedy=public_id, choice=wanted, by=by, organisation_id=found.organisation_id, roles=roles)
        )
    except (RemedyNotFound, ReservationNotFound) as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        messages.success(request, _said(made))
    return redirect("reservation", remedy.reservation.public_id)


def _said(remedy: Remedy) -> str:
    chosen = remedy.standing.get_kind_display().lower()
    if remedy.settled_at is not None:
        return f"Chosen: {chosen}. It has taken effect."
    return f"Chosen: {chosen}. You can change your mind until {in_words(remedy.deadline)}."


@require_POST
@member_page
def leave(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Leaves a contract that is late beyond its long-stop date."""
    if not Reservation.objects.of(found.organisation_id).filter(public_id=public_id).exists():
        raise Http404
    require_buyer(found)
    by, roles = found.user.as_actor(found.organisation_id), roles_of_member(found.role)
    try:
        change.run(
            lambda: leave_at_long_stop(reservation=public_id, by=by, organisation_id=found.organisation_id, roles=roles)
        )
    except ReservationNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        messages.success(request, "The contract has ended. Everything that you paid is owed back to you.")
    return redirect("reservation", public_id)


@require_POST
@member_page
def dispute(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Opens the thread about a cause."""
    if not Reservation.objects.of(found.organisation_id).filter(public_id=public_id).exists():
        raise Http404
    require_buyer(found)
    by, roles, said = found.user.as_actor(found.organisation_id), roles_of_member(found.role), request.POST
    try:
        made = change.run(
            lambda: open_dispute(
                reservation=public_id,
                cause=said.get("cause", ""),
                text=said.get("text", ""),
                by=by,
                organisation_id=found.organisation_id,
                roles=roles,
            )
        )
    except (ReservationNotFound, CauseNotFound) as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return redirect("reservation", public_id)
    return redirect("dispute", made.public_id)


@require_http_methods(["GET", "POST"])
@member_page
def thread(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """What was said about a cause, and one more thing."""
    rows = CauseDispute.objects.of(found.organisation_id).select_related("cause", "reservation")
    disputed = rows.filter(public_id=public_id).first()
    if disputed is None:
        raise Http404
    if request.method == "POST":
        require_buyer(found)
        by, roles, text = found.user.as_actor(found.organisation_id), roles_of_member(found.role), request.POST
        try:
            change.run(
                lambda: post_to_dispute(
                    dispute=public_id,
                    text=text.get("text", ""),
                    by=by,
                    organisation_id=found.organisation_id,
                    roles=roles,
                )
            )
        except DisputeNotFound as error:
            raise Http404 from error
        except REFUSALS as refused:
            messages.warning(request, sentence(refused))
        return redirect("dispute", public_id)
    context = {
        "nav": "portfolio",
        "dispute": disputed,
        "posts": disputed.posts.all(),
        "terms": disputed.reservation.quote.contract_terms.delay_terms,
        "lateness": owed(disputed.reservation, clock.now()),
        "may_choose": found.may_buy,
    }
    return render(request, "reservations/dispute.html", context)
