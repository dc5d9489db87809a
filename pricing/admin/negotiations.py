"""The sales desk: threads that wait, what only staff see of them, and an answer in the same thread."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import DateTimeField, QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from marketplace.admin.base import LongAdmin, author
from marketplace.change import change as changes
from marketplace.models import User
from marketplace.units import clock
from marketplace.units.firmness import CHOICES
from marketplace.units.money import Money, unit_price
from marketplace.units.period import Period
from marketplace.web import formats
from pricing.negotiation import desk
from pricing.negotiation.deals import Deal
from pricing.negotiation.margins import limit_of
from pricing.negotiation.models import STATES, WITH_SALES, Negotiation
from pricing.negotiation.queries import steps_of
from pricing.quotes.in_force import MarketStale
from pricing.quotes.need import LONGEST_BLOCK_DAYS
from pricing.web.refusals import REFUSALS, sentence

OF_DESK: tuple[type[Exception], ...] = (
    desk.BeyondLimit, desk.NotLower, desk.DoesNotFit, desk.ReasonMissing, desk.TellsFigures, *REFUSALS,
)  # fmt: skip
MAY_ANSWER = "pricing.change_negotiation"


class OfferForm(forms.Form):
    """A price for the block on the table, or for other terms."""

    total = forms.DecimalField(label="Total, USD", max_digits=18, decimal_places=2, widget=UnfoldAdminTextInputWidget)
    quantity = forms.IntegerField(label="GPUs", min_value=1, widget=UnfoldAdminTextInputWidget)
    start = forms.DateField(widget=UnfoldAdminTextInputWidget, help_text="YYYY-MM-DD")
    days = forms.IntegerField(min_value=1, max_value=LONGEST_BLOCK_DAYS, widget=UnfoldAdminTextInputWidget)
    firmness = forms.ChoiceField(choices=CHOICES, widget=UnfoldAdminSelectWidget)
    prepayment = forms.IntegerField(label="Up front, %", min_value=0, max_value=100, widget=UnfoldAdminTextInputWidget)
    sentence = forms.CharField(label="To the buyer", max_length=1000, widget=UnfoldAdminTextareaWidget({"rows": 2}))
    note = forms.CharField(
        label="For colleagues", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget({"rows": 2})
    )

    @classmethod
    def of(cls, deal: Deal) -> "OfferForm":
        return cls(
            initial={
                "quantity": deal.quantity,
                "start": deal.period.start,
                "days": deal.period.days,
                "firmness": deal.firmness,
                "prepayment": deal.prepayment,
            }
        )

    def deal(self) -> Deal:
        asked = self.cleaned_data
        period = Period.of(asked["start"], asked["days"])
        return Deal(asked["quantity"], period, asked["firmness"], asked["prepayment"])


class DeclineForm(forms.Form):
    reason = forms.ChoiceField(
        label="The buyer hears", choices=list(desk.REASONS.items()), widget=UnfoldAdminSelectWidget
    )
    note = forms.CharField(
        label="Why, for colleagues", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget({"rows": 2})
    )


class AskForm(forms.Form):
    sentence = forms.CharField(
        label="To the buyer", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget({"rows": 2})
    )


class WaitingFilter(admin.SimpleListFilter):
    """Threads that wait for sales come first to mind."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state.replace("_", " ")) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Negotiation]) -> QuerySet[Negotiation]:
        chosen = self.value()
        if chosen is None:
            return queryset
        found = Negotiation.objects.in_state(chosen, clock.now())
        return queryset.filter(pk__in=found.values("pk"))


@admin.register(Negotiation)
class NegotiationAdmin(LongAdmin):
    list_display = ("thread", "organisation", "seller", "block", "price", "state", "waits")
    list_filter = (WaitingFilter, "seller")
    search_fields = ("public_id__exact", "quote__public_id__exact")
    search_help_text = "The whole id of the negotiation or of its quote"
    list_display_links = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Negotiation]:
        at = Value(clock.now(), output_field=DateTimeField())
        return Negotiation.objects.for_staff(cast(User, request.user)).with_quotes().annotate(at=at)

    def get_urls(self) -> Any:
        own = [path("<slug:public_id>/desk/", self.admin_site.admin_view(self.desk), name="negotiation-desk")]
        return own + super().get_urls()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """The desk is its page; what is not there, and what may not be seen, is Django's to say."""
        found = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if found is None or request.method != "GET":
            return super().change_view(request, object_id, form_url, extra_context)
        return self.desk(request, found.public_id)

    @admin.display(description="Negotiation")
    def thread(self, negotiation: Negotiation) -> str:
        href = reverse("admin:negotiation-desk", args=[negotiation.public_id])
        return format_html('<a href="{}">{}</a>', href, formats.short_id(negotiation.public_id))

    @admin.display(description="Block")
    def block(self, negotiation: Negotiation) -> str:
        quote = negotiation.quote
        return f"{quote.quantity:,} {quote.pool.accelerator.key} at {quote.pool.site}, {quote.start} to {quote.end}"

    @admin.display(description="On the table")
    def price(self, negotiation: Negotiation) -> str:
        return formats.money(negotiation.quote.total, negotiation.quote.currency)

    @admin.display(description="State")
    def state(self, negotiation: Negotiation) -> str:
        return negotiation.state(negotiation.at).replace("_", " ")  # type: ignore[attr-defined]

    @admin.display(description="Waits for sales", ordering="with_sales_since")
    def waits(self, negotiation: Negotiation) -> str:
        now: datetime = negotiation.at  # type: ignore[attr-defined]
        if negotiation.state(now) != WITH_SALES or negotiation.with_sales_since is None:
            return ""
        left = negotiation.quote.expires_at - now
        return f"since {formats.moment(negotiation.with_sales_since)}, {left // timedelta(minutes=1)} minutes left"

    def desk(self, request: HttpRequest, public_id: str) -> HttpResponse:
        """One thread: what was said, what only staff see, and the three answers."""
        if not request.user.has_perm("pricing.view_negotiation"):
            raise PermissionDenied
        negotiation = self.get_queryset(request).filter(public_id=public_id).first()
        if negotiation is None:
            raise Http404
        forms_shown = _forms(request, negotiation)
        if request.method == "POST":
            if not request.user.has_perm(MAY_ANSWER):
                raise PermissionDenied
            verb = request.POST.get("verb", "")
            form = forms_shown.get(verb)
            if form is None:
                raise Http404
            if form.is_valid() and _answered(request, public_id, verb, form):
                return redirect("admin:negotiation-desk", public_id)
        return TemplateResponse(
            request, "admin/pricing/negotiation/desk.html", self._context(request, negotiation, forms_shown)
        )

    def _context(self, request: HttpRequest, negotiation: Negotiation, shown: dict[str, forms.Form]) -> dict[str, Any]:
        now, staff = clock.now(), cast(User, request.user)
        state = negotiation.state(now)
        return {
            **self.admin_site.each_context(request),
            "title": f"Negotiation with {negotiation.organisation}",
            "negotiation": negotiation,
            "quote": negotiation.quote,
            "state": state,
            "steps": steps_of(negotiation),
            "limit": limit_of(staff),
            "answers": shown if state in ("open", WITH_SALES) and staff.has_perm(MAY_ANSWER) else {},
            "wanted": negotiation.wanted or {},
            "columns": _columns(negotiation, now) if state in ("open", WITH_SALES) else [],
        }


def _forms(request: HttpRequest, negotiation: Negotiation) -> dict[str, forms.Form]:
    """The three answers; the one that was sent is bound."""
    blank = {"offer": OfferForm.of(_asked(negotiation)), "decline": DeclineForm(), "ask": AskForm()}
    sent = request.POST.get("verb", "") if request.method == "POST" else ""
    return {name: type(form)(request.POST) if name == sent else form for name, form in blank.items()}


def _asked(negotiation: Negotiation) -> Deal:
    """The deal that the buyer asked for last; the one on the table if none."""
    return Deal.from_json(negotiation.wanted) if negotiation.wanted else Deal.of(negotiation.quote)


def _columns(negotiation: Negotiation, now: datetime) -> list[dict[str, Any]]:
    """What only staff see, of the deal on the table and of the one that was asked for."""
    quote, asked = negotiation.quote, _asked(negotiation)
    deals = {"On the table": Deal.of(quote)} | ({"Asked for": asked} if asked != Deal.of(quote) else {})
    found = []
    for name, deal in deals.items():
        try:
            figures = desk.figures(quote=quote, deal=deal, now=now)
        except (desk.DoesNotFit, MarketStale):
            found.append({"name": name, "deal": deal, "figures": None})
        else:
            found.append({"name": name, "deal": deal, "figures": figures, "per_hour": _per_hour(figures)})
    return found


def _per_hour(found: desk.Figures) -> dict[str, Decimal]:
    totals = {"published": found.published, "least": found.walk_away.least}
    totals |= {"bid": found.walk_away.bid, "floor": found.walk_away.floor}
    return {name: unit_price(total, found.deal.gpu_hours) for name, total in totals.items()}


def _answered(request: HttpRequest, public_id: str, verb: str, form: forms.Form) -> bool:
    """Does it, or says beside the form why not."""
    said, by, staff = form.cleaned_data, author(request), cast(User, request.user)
    try:
        if isinstance(form, OfferForm):
            total: Decimal = said["total"]
            more: dict[str, Any] = {"deal": form.deal(), "total": Money(total)}
            more |= {"sentence": said["sentence"], "note": said["note"]}
        else:
            more = dict(said)
        changes.run(lambda: getattr(desk, verb)(public_id=public_id, by=by, staff=staff, **more))
    except OF_DESK as refused:
        form.add_error(None, sentence(refused))
        return False
    messages.success(request, "Said. The buyer sees it in the thread.")
    return True
