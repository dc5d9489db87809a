"""What every view of the API is made of."""

from typing import Any, ClassVar

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from marketplace.api.strict import MOST_BYTES, Strict, StrictJson, read_query, refuse_large_body
from marketplace.parties.models import ApiKey


class AlwaysJson(BaseContentNegotiation):
    """There is one format, whatever a client says that it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return next((each for each in parsers if request.content_type.partition(";")[0] == each.media_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class NoParams(Strict):
    """An address without query parameters refuses all of them."""


class Door(APIView):
    """An address of the API: its scope per method, and its query parameters, read strictly before anything runs."""

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}
    params_shape: ClassVar[type[Strict]] = NoParams
    parser_classes = (StrictJson,)
    content_negotiation_class = AlwaysJson
    http_method_names = ["get", "head", "post"]
    most_bytes: ClassVar[int] = MOST_BYTES

    params: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not hasattr(self, str(request.method).lower()):
            self.http_method_not_allowed(request)  # before its query is judged by what another method takes
        self.params = read_query(self.params_shape, request.query_params)
        refuse_large_body(request, self.most_bytes)
        # Read once here: the parser and the idempotency digest both need the bytes.
        _ = request.body

    @property
    def key(self) -> ApiKey:
        found: ApiKey = self.request.auth
        return found

    @property
    def organisation_id(self) -> int:
        return self.key.organisation_id
