"""Master agreements, and who may sign under them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyField, ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.problems import Invalid, error
from marketplace.api.schema import keyed, problems
from marketplace.api.spending import AdminDoor, MoneyIn, Nothing
from marketplace.api.strict import Strict, Text, read
from marketplace.api.views import Door
from marketplace.parties.agreements import MasterAgreement, SigningAuthority
from marketplace.parties.models import ApiKey, Membership, User
from marketplace.parties.signing import grant_authority, revoke_authority
from marketplace.units import clock


class AgreementShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("agreement")
    created_at = serializers.DateTimeField(source="recorded_at")
    seller = serializers.CharField(
        source="seller.public_id", allow_null=True, default=None, help_text="null: with Headroom, for every pool"
    )
    document_version = serializers.CharField()
    document_digest = serializers.CharField(help_text="SHA-256 of the signed document")
    signed_on = serializers.DateField()
    signed_by = serializers.CharField()
    in_force_from = serializers.DateField()
    in_force_until = serializers.DateField(source="until", allow_null=True, help_text="Not included")
    in_force = serializers.SerializerMethodField()

    def get_in_force(self, agreement: MasterAgreement) -> bool:
        return agreement.is_in_force(clock.today())


class AgreementList(ListShape):
    data = AgreementShape(many=True)


class AuthorityShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("authority")
    created_at = serializers.DateTimeField(source="granted_at")
    agreement = public_id("agreement.public_id")
    person = serializers.EmailField(source="user.email", allow_null=True, default=None)
    api_key = serializers.CharField(source="api_key.prefix", allow_null=True, default=None)
    limit = MoneyField(help_text="The most that one purchase may cost")
    granted_by = serializers.CharField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    allowed_actions = serializers.SerializerMethodField()

    def get_allowed_actions(self, authority: SigningAuthority) -> list[str]:
        return [] if authority.revoked_at else ["revoke"]


class AuthorityList(ListShape):
    data = AuthorityShape(many=True)


class AuthorityRequest(Strict):
    agreement = Text(help_text="The id of an agreement of yours")
    person = serializers.EmailField(required=False, help_text="A member of your organisation")
    api_key = Text(required=False, help_text="The first characters of a key of yours, as the list of keys shows them")
    limit = MoneyIn()


class Agreements(Door):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_agreements",
        summary="Your master agreements",
        tags=["authority"],
        parameters=[PageParams],
        responses={200: AgreementList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first. Headroom's staff record them."""
        own = MasterAgreement.objects.filter(organisation_id=self.organisation_id).select_related("seller")
        return Response(
            cursor_page(request, among=own, chosen=own, params=self.params, render=lambda row: AgreementShape(row).data)
        )


class Authorities(AdminDoor):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_authorities",
        summary="Who may sign for you, and up to which amount",
        tags=["authority"],
        parameters=[PageParams],
        responses={200: AuthorityList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first, revoked ones too."""
        own = SigningAuthority.objects.filter(agreement__organisation_id=self.organisation_id)
        chosen = own.select_related("agreement", "user", "api_key")
        return Response(
            cursor_page(
                request, among=own, chosen=chosen, params=self.params, render=lambda row: AuthorityShape(row).data
            )
        )

    @extend_schema(
        operation_id="grant_authority",
        summary="Let a person or a key sign up to an amount",
        tags=["authority"],
        parameters=keyed(),
        request=AuthorityRequest,
        responses={201: AuthorityShape, **problems(400, 401, 403, 409, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """A purchase is binding where its signatory has authority for its whole total, under an agreement in force."""
        body = read(AuthorityRequest, request.data)
        agreement, signatory = self._agreement(body["agreement"]), self._signatory(body)
        by, limit = self.key.as_actor(), body["limit"]["money"]
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: grant_authority(
                agreement=agreement, signatory=signatory, limit=limit, by=by, now=clock.now()
            ),
            render=lambda made: (201, AuthorityShape(made).data),
        )

    def _agreement(self, wanted: str) -> MasterAgreement:
        found = MasterAgreement.objects.filter(organisation_id=self.organisation_id, public_id=wanted).first()
        if found is None:
            raise Invalid([error("/agreement", "unknown", "There is no such agreement of your organisation.")])
        return found

    def _signatory(self, body: dict[str, Any]) -> User | ApiKey:
        if ("person" in body) == ("api_key" in body):
            raise Invalid([error("/person", "invalid", "Name a person or an API key: one of the two.")])
        if "person" in body:
            members = Membership.objects.filter(organisation_id=self.organisation_id).select_related("user")
            member = members.filter(user__email=body["person"].lower()).first()
            found: User | ApiKey | None = member.user if member else None
        else:
            keys = ApiKey.objects.filter(organisation_id=self.organisation_id, revoked_at=None)
            found = keys.filter(prefix=body["api_key"]).first()
        if found is None:
            pointer = "/person" if "person" in body else "/api_key"
            raise Invalid([error(pointer, "unknown", "Name a member of your organisation, or a key in force of it.")])
        return found


class RevokeAuthority(AdminDoor):
    @extend_schema(
        operation_id="revoke_authority",
        summary="Take an authority back",
        tags=["authority"],
        parameters=keyed(),
        request=Nothing,
        responses={200: AuthorityShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """At once. What was signed stays signed."""
        read(Nothing, request.data)
        own = SigningAuthority.objects.filter(agreement__organisation_id=self.organisation_id)
        found = own.select_related("agreement", "user", "api_key").filter(public_id=public_id).first()
        if found is None:
            raise NotFound
        by = self.key.as_actor()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: revoke_authority(authority=found, by=by, now=clock.now()),
            render=lambda authority: (200, AuthorityShape(authority).data),
        )
