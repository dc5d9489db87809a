"""Accepting a bundle over REST."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyField, ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import read
from pricing.quotes.bundles import Bundle
from reservations.api.shapes import ReservationShape
from reservations.api.views import AcceptRequest, ReservationDoor
from reservations.booking.bundles import accept_bundle
from reservations.booking.models import Reservation


class AcceptedBundleShape(serializers.Serializer[Any]):
    """What a bundle became: a reservation of each part, in the order in which they were asked for."""

    id = public_id("bundle.public_id")
    object = ObjectField("bundle")
    status = ObjectField("accepted")  # of the bundle; where an approval is asked for, each reservation says so
    kind = serializers.CharField(source="bundle.kind")
    total = MoneyField(source="bundle.money")
    reservations = ReservationShape(many=True)


class AcceptBundle(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="accept_bundle",
        summary="Accept a bundle: binding, all parts or none",
        tags=["buy"],
        parameters=keyed(),
        request=AcceptRequest,
        responses={201: AcceptedBundleShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Makes a reservation of every part at its price, once. What may be refused looks at the whole amount."""
        body = read(AcceptRequest, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: accept_bundle(
                public_id=public_id, by=self.key.as_actor(), organisation_id=self.organisation_id, **body
            ),
            render=lambda made: (201, self._shown(made)),
        )

    def _shown(self, made: list[Reservation]) -> Any:
        bundle = Bundle.objects.get(parts=made[0].quote)
        fresh = Reservation.objects.with_terms().filter(pk__in=[each.pk for each in made])
        in_order = sorted(fresh, key=lambda reservation: reservation.quote.bundle_part or 0)
        shown = {"bundle": bundle, "reservations": in_order}
        return AcceptedBundleShape(shown, context=self.seen_by(made[0].accepted_at)).data
