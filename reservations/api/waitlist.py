"""The waitlist over REST: standing requests, what was offered to them, and why they were passed over."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyField, ObjectField, UnitPriceField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.problems import Problem, explain
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import read
from marketplace.api.views import Door
from marketplace.units import clock
from pricing.api.empty import Empty
from pricing.api.shapes import NeedShape
from pricing.quotes.queries import known_names
from reservations.booking.waitlist.actions import EntryNotFound, EntryOver, WaitlistFull, join, parse_wish, withdraw
from reservations.booking.waitlist.models import REASONS, STATUSES, WaitlistEntry, WaitlistOffer

PASSES_SHOWN = 20


class WishShape(NeedShape):
    """A need that stands: a quantity is all or nothing, a range of it takes a part; the window of starts ends it."""

    sort = relax = None
    max_unit_price = serializers.CharField(help_text="The most that it may cost, USD per GPU-hour after terms: 2.50")


class WaitlistOfferShape(serializers.Serializer[Any]):
    """An offer: a quote or a bundle that holds its capacity. Take it with POST /quotes/{id}/accept or /bundles/…."""

    quote = public_id("quote.public_id", default=None, allow_null=True)
    bundle = public_id("bundle.public_id", default=None, allow_null=True)
    made_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    total = MoneyField(source="money")
    unit_price = UnitPriceField()


class WaitlistPassShape(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=REASONS)
    detail = serializers.CharField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="The last time that the queue came to it and found the same")


class WaitlistShape(serializers.Serializer[Any]):
    """A standing request. `offer` is the one that can be taken now; `passes` say why it got none, newest first."""

    id = public_id()
    object = ObjectField("waitlist_entry")
    created_at = serializers.DateTimeField(source="joined_at")
    status = serializers.SerializerMethodField(help_text=", ".join(status for status, _ in STATUSES))
    allowed_actions = serializers.SerializerMethodField()
    need = serializers.SerializerMethodField()
    max_unit_price = serializers.DecimalField(12, 4)
    offer = serializers.SerializerMethodField()
    passes = serializers.SerializerMethodField()

    def get_status(self, entry: WaitlistEntry) -> str:
        return entry.state(self.context["now"])

    def get_allowed_actions(self, entry: WaitlistEntry) -> list[str]:
        return entry.allowed_actions(self.context["now"])

    @extend_schema_field(NeedShape)
    def get_need(self, entry: WaitlistEntry) -> Any:
        return entry.need

    @extend_schema_field(WaitlistOfferShape(allow_null=True))
    def get_offer(self, entry: WaitlistEntry) -> Any:
        offer: WaitlistOffer | None = entry.open_offer(self.context["now"])
        return WaitlistOfferShape(offer).data if offer else None

    @extend_schema_field(WaitlistPassShape(many=True))
    def get_passes(self, entry: WaitlistEntry) -> Any:
        return WaitlistPassShape(list(entry.passes.all())[:PASSES_SHOWN], many=True).data


class WaitlistList(ListShape):
    data = WaitlistShape(many=True)


class Waitlist(Door):
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "quote"}
    params_shape = PageParams

    @extend_schema(
        operation_id="list_waitlist",
        summary="Your standing requests",
        tags=["buy"],
        parameters=[PageParams],
        responses={200: WaitlistList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        own, now = WaitlistEntry.objects.of(self.organisation_id), clock.now()
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=own.with_offers(),
                params=self.params,
                render=lambda entry: WaitlistShape(entry, context={"now": now}).data,
            )
        )

    @extend_schema(
        operation_id="join_waitlist",
        summary="Let a need stand until there is headroom for it",
        tags=["buy"],
        parameters=keyed(),
        request=WishShape,
        responses={201: WaitlistShape, **problems(400, 401, 403, 409, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """One queue for everybody: who joined first comes first. An offer is a quote, held for some hours."""
        need, ceiling = parse_wish(request.data, now=clock.now(), known=known_names())
        by, whose = self.key.as_actor(), self.organisation_id
        return answer_once(
            request,
            organisation_id=whose,
            action=lambda: join(need=need, max_unit_price=ceiling, by=by, organisation_id=whose),
            render=lambda entry: (201, entry_shown(entry)),
        )


class OneWaitlistEntry(Door):
    @extend_schema(
        operation_id="get_waitlist_entry",
        summary="One standing request",
        tags=["buy"],
        responses={200: WaitlistShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        entry = WaitlistEntry.objects.of(self.organisation_id).filter(public_id=public_id).first()
        if entry is None:
            raise EntryNotFound
        return Response(entry_shown(entry))


class WithdrawWaitlistEntry(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "quote"}

    @extend_schema(
        operation_id="withdraw_waitlist_entry",
        summary="Take a standing request back",
        tags=["buy"],
        parameters=keyed(),
        request=Empty,
        responses={200: WaitlistShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Final. An offer that it has is released, and passes on to the next."""
        read(Empty, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: withdraw(public_id=public_id, by=self.key.as_actor(), organisation_id=self.organisation_id),
            render=lambda entry: (200, entry_shown(entry)),
        )


def entry_shown(entry: WaitlistEntry) -> Any:
    """The entry as it stands now."""
    fresh = WaitlistEntry.objects.with_offers().get(pk=entry.pk)
    return WaitlistShape(fresh, context={"now": clock.now()}).data


@explain.register
def _(failure: WaitlistFull) -> Problem:
    return Problem("waitlist_full", str(failure))


@explain.register
def _(failure: EntryNotFound) -> Problem:
    return Problem("not_found")


@explain.register
def _(failure: EntryOver) -> Problem:
    return Problem("waitlist_entry_over", str(failure))
