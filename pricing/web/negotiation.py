"""What a buyer does in the thread on the quote page."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.web.access import member_page, require_buyer
from pricing.negotiation import actions
from pricing.negotiation.counters import BadCounter
from pricing.negotiation.models import Negotiation
from pricing.quotes.actions import QuoteNotFound
from pricing.quotes.models import Quote
from pricing.web.bargaining import CounterForm, thread_context
from pricing.web.quotes import quote_context
from pricing.web.refusals import REFUSALS, sentence


@require_POST
@member_page
def counter(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Asks for other terms or another price; the page shows the answer, on the new quote where it was agreed."""
    require_buyer(found)
    form, by = CounterForm(request.POST), found.user.as_actor(found.organisation_id)
    if not form.is_valid():
        return _again(request, found, public_id, form)
    ask = partial(actions.counter_quote, public_id=public_id, by=by, organisation_id=found.organisation_id)
    try:
        negotiation = change.run(lambda: ask(wish=form.wish()))
    except QuoteNotFound as error:
        raise Http404 from error
    except BadCounter as bad:
        form.show_faults(bad)
        return _again(request, found, public_id, form)
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return redirect("quote", public_id)
    return _thread(negotiation)


def _again(request: HttpRequest, found: Membership, public_id: str, form: CounterForm) -> HttpResponse:
    """The page with what was typed and what would be right."""
    quote = Quote.objects.of(found.organisation_id).with_terms().filter(public_id=public_id).first()
    if quote is None:
        raise Http404
    context = quote_context(quote, found)
    return render(
        request, "pricing/quote.html", context | thread_context(quote, found, context["now"], form), status=422
    )


def _thread(negotiation: Negotiation) -> HttpResponse:
    response = redirect("quote", negotiation.quote.public_id)
    response["Location"] += "#negotiation"
    return response


def _do(request: HttpRequest, found: Membership, public_id: str, action: Callable[..., Negotiation]) -> HttpResponse:
    """One verb of the buyer; what refuses it is said on the quote that is on the table."""
    require_buyer(found)
    by, whose = found.user.as_actor(found.organisation_id), found.organisation_id
    try:
        return _thread(change.run(lambda: action(public_id=public_id, by=by, organisation_id=whose)))
    except actions.NegotiationNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return _thread(Negotiation.objects.of(whose).select_related("quote").get(public_id=public_id))


@require_POST
@member_page
def take(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    return _do(request, found, public_id, partial(actions.take, trade=request.POST.get("trade", "")))


@require_POST
@member_page
def insist(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    return _do(request, found, public_id, partial(actions.insist, sentence=request.POST.get("sentence", "")))


@require_POST
@member_page
def reply(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    return _do(request, found, public_id, partial(actions.reply, sentence=request.POST.get("sentence", "")))


@require_POST
@member_page
def withdraw(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    return _do(request, found, public_id, actions.withdraw)
