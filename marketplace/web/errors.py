"""Every error code of the product, once: its HTTP status, what it means and what to do about it.

REST answers with a code from this table, and the problem's `type` is the page that this file serves for it.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from marketplace.parties.chains import APPROVAL_EXPIRED, OWN_REQUEST
from marketplace.parties.signing import WITHOUT_AGREEMENT, WITHOUT_AUTHORITY
from marketplace.screening.queries import REQUIRED

PROBLEM_JSON = "application/problem+json"
API_PREFIX = "/api/"
# To the byte, so that nothing tells which part of the product answered.
AS_THE_API_WRITES = {"separators": (",", ":"), "ensure_ascii": False}


@dataclass(frozen=True)
class Code:
    """One cause of an error. `meaning` is the `detail` of an answer that has nothing more exact to say."""

    status: int
    title: str
    meaning: str
    remedy: str


CODES: dict[str, Code] = {
    "not_authenticated": Code(
        401,
        "An API key is needed",
        "Send “Authorization: Bearer hr_live_…” with a key that is in force.",
        "Check that the header is there and that the key was neither revoked nor has expired. An administrator of "
        "your organisation makes keys on the organisation's page; each is shown once.",
    ),
    "scope_required": Code(
        403,
        "The key lacks a scope",
        "The key is good, but was not made for this.",
        "Use a key that has the scope which the answer names, or have an administrator make one. “read” looks and "
        "searches, “quote” takes and releases quotes, “commit” accepts them.",
    ),
    "forbidden": Code(
        403,
        "This is not allowed",
        "You may not do this.",
        "Ask an administrator of your organisation for a role that may.",
    ),
    "not_found": Code(
        404,
        "There is nothing at this address",
        "There is nothing at this address, or it belongs to another organisation.",
        "Check the id, and that it belongs to the organisation of the key. Nobody is told which of the two it is.",
    ),
    "method_not_allowed": Code(
        405, "The method is not allowed", "This address has other methods.", "The “Allow” header names them."
    ),
    "unsupported_media_type": Code(
        415,
        "The body is not JSON",
        "Send the body as JSON, with “Content-Type: application/json”.",
        "Add the header. With curl: -H 'Content-Type: application/json' -d '{…}'.",
    ),
    "payload_too_large": Code(
        413, "The body is too large", "The body is larger than any request needs.", "Send fewer or shorter fields."
    ),
    "malformed_json": Code(
        400,
        "The body cannot be read as JSON",
        "The body is not one JSON value in UTF-8.",
        "The detail says where reading stopped. A key that stands twice in an object is refused too.",
    ),
    "bad_request": Code(
        400, "The request cannot be read", "The request cannot be read.", "Check the address, the headers and the host."
    ),
    "invalid": Code(
        422,
        "Some fields are wrong",
        "Nothing was done. Every field at fault is listed in “errors”.",
        "Each entry of “errors” has a pointer to the field (a query parameter or header is named the same way), a "
        "code, and what would be right. Unknown fields and parameters are refused, never ignored.",
    ),
    "offer_invalid": Code(
        422,
        "This is not an offer of ours",
        "This is not an offer made to your organisation.",
        "Send the “id” of an offer exactly as POST /api/v1/offers answered it to a key of the same organisation.",
    ),
    "offer_expired": Code(
        409,
        "The offer has expired",
        "The offer's time is over. Nothing is held.",
        "Ask again with POST /api/v1/offers: an offer is good until its “valid_until”.",
    ),
    "price_changed": Code(
        409,
        "The price has risen",
        "It costs more than it was offered for. Nothing was done.",
        "“offer” is the same block at the present price: take a quote with it, or ask again for other dates.",
    ),
    "insufficient_headroom": Code(
        409,
        "There is not enough headroom",
        "The block no longer fits. Nothing was done.",
        "“nearest” lists needs that do fit, each ready to send to POST /api/v1/offers.",
    ),
    "hold_limit": Code(
        409,
        "You hold too much already",
        "The hold would take your organisation above what it may hold unbought. Nothing is held.",
        "“fits” is the quantity that could be held now, “release” the open quotes whose release makes room for all of "
        "it: accept or release those, or ask for less. GET /api/v1/price-policies has each seller's limit.",
    ),
    "hold_cooldown": Code(
        429,
        "Too many holds ran out",
        "Too many holds of your organisation ran out without being accepted or released. Nothing is held.",
        "Try again from “ends_at” (the seconds in “Retry-After”). Release what you will not take before its time is "
        "over: that is no lapse.",
    ),
    "quote_expired": Code(
        409,
        "The quote has expired",
        "The quote's time is over. Nothing was charged and nothing is held.",
        "Ask again: the block may still be there, perhaps at another price.",
    ),
    "quote_accepted": Code(
        409,
        "The quote was accepted already",
        "The quote was accepted already. Its reservation stands.",
        "GET /api/v1/reservations?quote=… finds the reservation. To repeat a request safely send the same "
        "Idempotency-Key: the first answer comes again.",
    ),
    "quote_released": Code(
        409,
        "The quote was released",
        "The quote was released. Nothing is held.",
        "Ask again: the block may still be there.",
    ),
    "quote_replaced": Code(
        409,
        "The quote was replaced",
        "The quote was replaced by another one in a negotiation, which has its hold.",
        "GET /api/v1/quotes/{id} names it in “replaced_by”.",
    ),
    "part_of_bundle": Code(
        409,
        "The quote is a part of a bundle",
        "The quote is a part of a bundle, whose parts are taken all or none. Nothing was done.",
        "“bundle” is its id: accept or release the whole with POST /api/v1/bundles/{id}/accept or /release.",
    ),
    "waitlist_full": Code(
        409,
        "There are too many standing requests",
        "Your organisation has as many standing requests as it may have. Nothing was added.",
        "GET /api/v1/waitlist?status=waiting lists them. Withdraw one that is no longer wanted.",
    ),
    "waitlist_entry_over": Code(
        409,
        "The standing request is over",
        "The standing request was served, withdrawn, or has lapsed. Nothing was changed.",
        "GET /api/v1/waitlist/{id} says what became of it. Send a new one with POST /api/v1/waitlist.",
    ),
    "long_hold_unavailable": Code(
        409,
        "There are no long holds here",
        "The seller of this pool keeps no quote longer. Nothing was changed.",
        "Accept before the quote expires, or take a new one later: the price may be another.",
    ),
    "long_hold_too_long": Code(
        409,
        "It cannot be held for so long",
        "A quote is held for so many days by policy, and never beyond the start of its block. Nothing was changed.",
        "“most_days” is what could be had. POST /api/v1/quotes/{id}/hold/preview shows what it costs.",
    ),
    "fee_changed": Code(
        409,
        "The fee is higher now",
        "The fee is higher than the one that was agreed to. Nothing was changed or charged.",
        "“fee” is what it is now: send that, or leave the quote as it is.",
    ),
    "negotiation_closed": Code(
        409,
        "The negotiation is over",
        "The negotiation is over. Nothing was done.",
        "“state” says how it ended. A quote that is still open can be countered again; otherwise ask for a new one.",
    ),
    "not_negotiable": Code(
        409,
        "This quote is not negotiated",
        "The price of a change follows from its contract and is not negotiated. Nothing was done.",
        "Accept it, release it, or ask for another change.",
    ),
    "with_sales": Code(
        409,
        "Sales are about to answer",
        "Sales are to answer. Nothing was done.",
        "Wait for negotiation.offered, negotiation.declined or negotiation.asked in GET /api/v1/events, accept the "
        "quote as it is, or withdraw.",
    ),
    "nothing_to_insist": Code(
        409,
        "There is no price to insist on",
        "Name the price that you want in a counter-offer first. Nothing was done.",
        "POST /api/v1/quotes/{id}/counter with a total or a unit_price; insist on what the engine does not grant.",
    ),
    "nothing_asked": Code(
        409,
        "There is no question",
        "There is no question to reply to. Nothing was done.",
        "A reply answers negotiation.asked; anything else is a counter-offer.",
    ),
    "trade_gone": Code(
        409,
        "The trade is gone",
        "That trade is not in the last answer any more. Nothing was done.",
        "Take one of the last step of GET /api/v1/negotiations/{id}, or counter again for new ones.",
    ),
    "trade_dearer": Code(
        409,
        "The trade costs more now",
        "What was offered costs more now. Nothing was done, and your quote stands.",
        "“total” is what it costs now. Counter again for trades at the prices of now.",
    ),
    "too_many_steps": Code(
        409,
        "The negotiation is too long",
        "A negotiation has so many steps and no more. Nothing was done.",
        "Accept the quote, withdraw, or ask sales.",
    ),
    "client_reference_taken": Code(
        409,
        "The client reference is taken",
        "Another quote of your organisation has this client reference.",
        "GET /api/v1/quotes?client_reference=… finds it. Choose another reference for a new quote.",
    ),
    "no_agreement": Code(
        403,
        "There is no master agreement",
        WITHOUT_AGREEMENT,
        "Ask Headroom's sales for one. GET /api/v1/agreements lists yours, with the days on which they are in force.",
    ),
    "no_authority": Code(
        403,
        "You may not sign for this amount",
        WITHOUT_AUTHORITY,
        "An administrator of your organisation gives authority up to an amount, on the organisation's page or with "
        "POST /api/v1/authorities. Or have somebody accept who has it.",
    ),
    "over_budget": Code(
        409,
        "The budget does not suffice",
        "A budget period of the cost centre does not hold what this needs of it. Nothing was accepted.",
        "“period” is the one that binds, “left” what it has, and “fits” the largest total that these dates could cost. "
        "Name another cost centre, buy less, or have an administrator raise the budget.",
    ),
    "cost_centre_needed": Code(
        422,
        "Name a cost centre",
        "Name one of your organisation's open cost centres. Nothing was accepted.",
        "GET /api/v1/cost-centres lists them. An administrator can make one the default.",
    ),
    "screening_required": Code(
        403,
        "A screening is needed",
        REQUIRED,
        "Write to us. GET /api/v1/screening says where yours stands.",
    ),
    "not_your_turn": Code(
        403,
        "This step is somebody else's",
        "The approval waits for somebody else. Nothing was changed.",
        "GET /api/v1/approvals says for whom. A key takes steps of a role with the scopes “commit” and “admin”; steps "
        "that name a person are taken on the web.",
    ),
    "own_request": Code(
        403,
        "You asked for this yourself",
        OWN_REQUEST,
        "Ask a colleague with the role that the step names.",
    ),
    "approval_expired": Code(
        409,
        "The approval came too late",
        APPROVAL_EXPIRED,
        "Ask again: the block may still be there, perhaps at another price.",
    ),
    "not_ordered": Code(
        409,
        "There is no order form",
        "There is no order form: the reservation was not approved, or not yet.",
        "Ask again once the reservation is approved.",
    ),
    "not_in_this_state": Code(
        409,
        "The reservation's state does not allow this",
        "The reservation is in a state in which this is not possible. Nothing was changed.",
        "“allowed_actions” of the reservation lists what is possible now; docs/reservations.md has the whole table.",
    ),
    "approval_needed": Code(
        403,
        "This change needs an approval",
        "Your organisation's rules ask for an approval of this change. Nothing was changed.",
        "Whoever takes the last step of the approval chain accepts it: GET /api/v1/approval-chains names them.",
    ),
    "locked": Code(
        409,
        "The terms are locked",
        "The start is so near that terms can no longer change. Nothing was changed.",
        "“locked_since” of the reservation is the moment. Once it runs, a block may be extended, resized or ended.",
    ),
    "notice_too_short": Code(
        409,
        "The notice is too short",
        "Days would be given back sooner than the notice of this exit allows. Nothing was changed.",
        "The detail names the first day that can be given back. “contract.exits” lists the notice of every exit.",
    ),
    "cause_needs_staff": Code(
        403,
        "Only staff give this cause",
        "This cause is for our staff to give, with evidence and a second person. Nothing was changed.",
        "Write to us with the evidence. You may leave for convenience, or to switch to another provider, at any time.",
    ),
    "second_person_needed": Code(
        409,
        "A second person confirms this",
        "An exit for this cause is confirmed by somebody else than who asked for it. Nothing was changed.",
        "Have another person accept the quote.",
    ),
    "change_stale": Code(
        409,
        "The reservation has been changed since",
        "The reservation has been changed since this quote was made. Nothing was changed.",
        "Ask again with POST /api/v1/reservations/{id}/changes: the figures are others now.",
    ),
    "dues_open": Code(
        409,
        "Something is still owed",
        "The holder still owes something for this reservation. Nothing was changed.",
        "GET /api/v1/dues and GET /api/v1/receipts show what is owed and what came in.",
    ),
    "assignment_open": Code(
        409,
        "The reservation is offered already",
        "This reservation is offered to another organisation already. Nothing was changed.",
        "GET /api/v1/assignments finds the offer: withdraw it first, or wait until it is over.",
    ),
    "assignment_closed": Code(
        409,
        "The assignment is not open for this",
        "The assignment is not open for this, or not yet. Nothing was changed.",
        "“status” of the assignment says where it stands, and “allowed_actions” what is possible.",
    ),
    "remedy_closed": Code(
        409,
        "The time to choose is over",
        "The deadline of this remedy has passed, or what was chosen has taken effect. Nothing was changed.",
        "“standing” of the remedy is what took effect, or will at “settles_at”.",
    ),
    "long_stop": Code(
        409,
        "The long-stop date has not come",
        "One may leave with a full refund from the contract's long-stop date on. Nothing was changed.",
        "“contract.delay_terms.long_stop_days” counts from the first day that was agreed.",
    ),
    "dispute_open": Code(
        409,
        "The cause is disputed already",
        "This cause was disputed for this reservation already. Nothing was changed.",
        "GET /api/v1/reservations/{id}/disputes finds the thread: go on there, if it is open.",
    ),
    "dispute_closed": Code(
        409,
        "The dispute is resolved",
        "This dispute has its outcome. Nothing was changed.",
        "“outcome” and “days” of the dispute say how it ended.",
    ),
    "served_elsewhere": Code(
        409,
        "The block is served in another pool than it was bought in",
        "The block is served in another pool than it was bought in, so nothing can be added. Nothing was changed.",
        "Buy what you need beside it with POST /api/v1/offers. Fewer GPUs, an earlier end and an exit are possible.",
    ),
    "idempotency_mismatch": Code(
        422,
        "The idempotency key was used for another request",
        "This Idempotency-Key was used before, with another path or body. Nothing was done.",
        "Use a new key for a new request, and the same key only to repeat the very same one.",
    ),
    "in_progress": Code(
        409,
        "The same request is still running",
        "A request with this Idempotency-Key is still running.",
        "Repeat it in a moment with the same key: you get its answer.",
    ),
    "busy": Code(
        503,
        "Busy",
        "Others were changing the same capacity for too long. Nothing was done.",
        "Try again after the seconds in “Retry-After”.",
    ),
    "prices_stale": Code(
        503,
        "Prices are too old to sell on",
        "The projection behind the market is older than its policy allows. No new quote is made.",
        "Try again after the seconds in “Retry-After”. Quotes that you have stay good.",
    ),
    "too_many_scenarios": Code(
        409,
        "As many scenarios as one may keep",
        "You keep as many scenarios as one may. Nothing was kept.",
        "Delete one that nobody needs any more: DELETE /scenarios/{id}. That cannot be undone.",
    ),
    "not_the_author": Code(
        409,
        "Somebody else kept it",
        "This scenario is somebody else's, who alone can change it. Nothing was changed.",
        "Ask whoever is named, or keep one of your own: POST /scenarios with the same inputs. An administrator may "
        "delete a scenario that the organisation sees.",
    ),
    "scenario_archived": Code(
        409,
        "The scenario is archived",
        "This scenario is archived. Nothing was changed.",
        "Bring it back first: PATCH /scenarios/{id} with “archived”: false.",
    ),
    "internal_error": Code(
        500,
        "Something failed on our side",
        "Something failed on our side. A change is either complete or did not happen.",
        "Repeat the request with the same Idempotency-Key: nothing is done twice.",
    ),
}


def problem_json(code: str, detail: str = "", **more: Any) -> dict[str, Any]:
    """A problem as RFC 9457 has it. `errors` is always there, and empty where no single field is at fault."""
    known = CODES[code]
    return {
        "type": f"{settings.BASE_URL}/errors/{code}/",
        "title": known.title,
        "status": known.status,
        "detail": detail or known.meaning,
        "code": code,
        "errors": [],
        **more,
    }


@require_GET
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """The page behind a problem's `type`."""
    if code not in CODES:
        raise Http404
    return render(request, "errors/problem.html", {"code": code, "problem": CODES[code]})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, "not_found", "404.html")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, "forbidden", "403.html", message=str(exception))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, "bad_request", "400.html")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, "internal_error", "500.html")


def _answer(request: HttpRequest, code: str, template: str, message: str = "") -> HttpResponse:
    """JSON for programs, a page for people."""
    status = CODES[code].status
    if request.path.startswith(API_PREFIX):
        return JsonResponse(
            problem_json(code), status=status, content_type=PROBLEM_JSON, json_dumps_params=AS_THE_API_WRITES
        )
    return render(request, template, {"message": message}, status=status)
