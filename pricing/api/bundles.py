"""Bundles over REST: several quotes that are taken and released all or none."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import PageParams, cursor_page
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Text, read
from marketplace.api.views import Door
from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.units import clock
from pricing.api.empty import Empty
from pricing.api.problems import NothingThere
from pricing.api.shapes import BundleList, BundleShape
from pricing.quotes.answers import instead_of_bundle
from pricing.quotes.bundles import KINDS, Bundle
from pricing.quotes.bundling import BundleNotFound, release_bundle, take_bundle


class BundleParams(PageParams):
    kind = serializers.ChoiceField(choices=KINDS, required=False)
    client_reference = Text(required=False)


class Bundles(Door):
    params_shape = BundleParams

    @extend_schema(
        operation_id="list_bundles",
        summary="Your bundles",
        tags=["buy"],
        parameters=[BundleParams],
        responses={200: BundleList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        own = Bundle.objects.of(self.organisation_id)
        wanted = {name: self.params[name] for name in ("kind", "client_reference") if name in self.params}
        now = clock.now()
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=own.with_parts().filter(**wanted),
                params=self.params,
                render=lambda bundle: BundleShape(bundle, context={"now": now}).data,
            )
        )


class OneBundle(Door):
    @extend_schema(
        operation_id="get_bundle",
        summary="One bundle",
        tags=["buy"],
        responses={200: BundleShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        bundle = Bundle.objects.of(self.organisation_id).filter(public_id=public_id).first()
        if bundle is None:
            raise BundleNotFound
        return Response(bundle_shown(bundle))


class ReleaseBundle(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "quote"}

    @extend_schema(
        operation_id="release_bundle",
        summary="Give every hold of a bundle back",
        tags=["buy"],
        parameters=keyed(),
        request=Empty,
        responses={200: BundleShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Frees the capacity of all parts before they expire. This cannot be undone."""
        read(Empty, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: release_bundle(
                public_id=public_id, by=self.key.as_actor(), organisation_id=self.organisation_id
            ),
            render=lambda bundle: (200, bundle_shown(bundle)),
        )


def take_whole(door: Door, request: Request, body: dict[str, Any]) -> Response:
    """POST /quotes with an offer of several blocks."""
    try:
        return answer_once(
            request,
            organisation_id=door.organisation_id,
            action=lambda: take_bundle(organisation=door.key.organisation, by=door.key.as_actor(), **body),
            render=lambda bundle: (201, bundle_shown(bundle)),
        )
    except InsufficientHeadroom as failure:
        refused = instead_of_bundle(offer=body["offer"], organisation_id=door.organisation_id, now=clock.now())
        if refused is None:  # it fits again
            raise
        raise NothingThere(refused) from failure


def bundle_shown(bundle: Bundle) -> Any:
    """The bundle as it stands now, read back with its parts."""
    fresh = Bundle.objects.with_parts().get(pk=bundle.pk)
    return BundleShape(fresh, context={"now": clock.now()}).data
