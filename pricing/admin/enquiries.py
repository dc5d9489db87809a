from django.contrib import admin

from marketplace.admin.base import LongAdmin
from pricing.demand.models import Enquiry


@admin.register(Enquiry)
class EnquiryAdmin(LongAdmin):
    list_display = ("public_id", "organisation", "need", "offers", "outcome", "unit_price", "created_at")
    list_filter = ("outcome", "source", "firmness")
    list_select_related = ("organisation",)
    search_fields = ("public_id__exact",)
    search_help_text = "The enquiry's whole id"
    fields = (
        ("public_id", "organisation"),
        ("source", "created_at"),
        "need",
        ("offers", "refusal"),
        ("outcome", "pool"),
        ("quote", "unit_price"),
        ("quoted_gpus", "quoted_days"),
        ("quoted_at", "ended_at"),
    )
