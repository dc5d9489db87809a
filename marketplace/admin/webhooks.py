"""Where customers' events go: to be read, and switched off where it does harm."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from unfold.admin import TabularInline

from marketplace.admin.base import LongAdmin, author
from marketplace.admin.records import OfOrganisationAdmin
from marketplace.change import change as changes
from marketplace.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from marketplace.outbox.subscribing import disable_endpoint
from marketplace.units import clock

BECAUSE = "Switched off by Headroom's staff."


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OfOrganisationAdmin):
    list_display = ("url", "organisation", "status", "failing_since", "is_slow", "created_at")
    list_filter = ("status", ("failing_since", admin.EmptyFieldListFilter), "is_slow")
    search_fields = ("public_id__exact", "url")
    search_help_text = "The endpoint's whole id, or a part of its address"
    fields = (
        ("url", "organisation"),
        ("events", "description"),
        ("status", "disabled_because"),
        ("failing_since", "is_slow"),
        ("public_id", "created_at"),
    )
    readonly_fields = ("organisation",)
    change_form_outer_before_template = "admin/marketplace/webhookendpoint/disable.html"

    def get_urls(self) -> list[URLPattern]:
        disable = self.admin_site.admin_view(self.disable_one)
        return [path("<int:pk>/disable/", disable, name="disable-webhook-endpoint"), *super().get_urls()]

    def disable_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST" or not request.user.has_perm("marketplace.change_webhookendpoint"):
            raise PermissionDenied
        endpoint = get_object_or_404(WebhookEndpoint, pk=pk)
        by = author(request, endpoint.organisation_id)
        changes.run(lambda: disable_endpoint(endpoint=endpoint, because=BECAUSE, by=by, now=clock.now()))
        messages.success(request, f"Nothing more is sent to {endpoint.url}. Its organisation can enable it again.")
        return redirect("admin:marketplace_webhookendpoint_change", pk)


class AttemptInline(TabularInline):
    model = WebhookAttempt
    fields = ("at", "status", "milliseconds", "error", "answer")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(LongAdmin):
    list_display = ("event_name", "endpoint", "status", "tries", "event_at", "next_at", "finished_at")
    list_filter = ("status",)
    list_select_related = ("endpoint",)
    search_fields = ("public_id__exact", "event_public_id__exact")
    search_help_text = "The whole id of the delivery or of its event"
    fields = (
        ("event_name", "endpoint"),
        ("event_public_id", "event_at"),
        ("status", "tries"),
        ("next_at", "finished_at"),
        ("public_id", "created_at"),
    )
    inlines = (AttemptInline,)
