"""Every error code of the product, once: its HTTP status, what it means and what to do about it.

REST answers with a code from this table, and the problem's `type` is the page that this file serves for it.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

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
        "The block costs more than it was offered for. Nothing is held.",
        "“offer” is the same block at the present price: take a quote with it, or ask again for other dates.",
    ),
    "insufficient_headroom": Code(
        409,
        "There is not enough headroom",
        "The block no longer fits. Nothing is held.",
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
    "client_reference_taken": Code(
        409,
        "The client reference is taken",
        "Another quote of your organisation has this client reference.",
        "GET /api/v1/quotes?client_reference=… finds it. Choose another reference for a new quote.",
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
