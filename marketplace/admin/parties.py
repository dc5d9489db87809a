from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from marketplace.admin.base import JournalledAdmin, OwnHistoryAdmin, StaffAdmin, author
from marketplace.change import change as changes
from marketplace.journal.actions import record
from marketplace.models import ApiKey, Membership, Organisation, User
from marketplace.parties.actions import create_api_key, revoke_api_key
from marketplace.parties.models import SCOPES
from marketplace.units import clock

ONLY_SUPERUSERS = ("is_staff", "is_superuser", "groups")

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, OwnHistoryAdmin):
    pass


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class ExistingUserForm(UserChangeForm):
    class Meta:
        model = User
        fields = ("email", "name", "password", "is_active", "is_staff", "is_superuser", "groups")
        field_classes: dict[str, Any] = {}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "organisation")
    fields: tuple[str, ...] = ("user", "organisation", "role")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, JournalledAdmin):  # type: ignore[misc]  # two bases that both set defaults
    form = ExistingUserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active", "groups")
    search_fields = ("email", "name")
    ordering = ("-id",)  # type: ignore[misc]
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [MembershipInline] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Who may make customers' accounts must not take over a colleague's: those are a superuser's to change.
        if obj is not None and obj.is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = () if request.user.is_superuser else ONLY_SUPERUSERS
        return (*self.readonly_fields, *fixed)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            by = author(request)
            record(by=by, verb="user.password_changed", subject=f"user:{id}", now=clock.now())
        return response


@admin.register(Organisation)
class OrganisationAdmin(JournalledAdmin):
    list_display = ("name", "legal_name", "country", "ultimate_parent", "is_demo", "created_at")
    list_filter = ("is_demo", "country")
    search_fields = ("name", "legal_name", "public_id")
    ordering = ("name",)
    readonly_fields = ("public_id", "created_at")
    inlines = (MembershipInline,)
    change_form_outer_before_template = "admin/marketplace/organisation/keys.html"
    fieldsets = (
        (None, {"fields": (("name", "public_id"), "legal_name", "country")}),
        ("Ownership", {"fields": (("ultimate_parent", "ultimate_parent_country"), "tax_ids")}),
        ("Record", {"fields": (("is_demo", "created_at"),)}),
    )


class NewKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES], widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKey
        fields = ("organisation", "name", "scopes", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    """A key is made, shown once, used and revoked; nothing about it is ever edited."""

    form = NewKeyForm
    list_display = ("prefix", "name", "organisation", "scope_list", "expires_at", "revoked_at", "last_used_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("organisation",)
    search_fields = ("prefix", "name", "organisation__name")
    autocomplete_fields = ("organisation",)
    add_fieldsets = ((None, {"fields": ("organisation", "name", "scopes", "expires_at")}),)
    fields = ("organisation", "name", "prefix", "scope_list", "created_by", "created_at") + (
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    readonly_fields = ("prefix", "scope_list", "created_by", "created_at", "revoked_at", "last_used_at")
    change_form_outer_before_template = "admin/marketplace/apikey/revoke.html"
    actions = ("revoke",)

    @admin.display(description="Scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("marketplace.change_apikey")

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke_one)
        return [path("<int:pk>/revoke/", revoke, name="revoke-api-key"), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        by = author(request, obj.organisation_id)
        wanted = {name: form.cleaned_data[name] for name in ("organisation", "name", "scopes", "expires_at")}
        key, secret = changes.run(lambda: create_api_key(**wanted, by=by, now=clock.now()))
        obj.__dict__.update(key.__dict__, shown_once=secret)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        # In the answer itself, not in a message: a message would put the secret into a cookie.
        context = {
            **self.admin_site.each_context(request),
            "title": "API key made",
            "key": obj,
            "secret": obj.__dict__["shown_once"],
        }
        return TemplateResponse(request, "admin/marketplace/apikey/shown_once.html", context)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        for key in keys.select_related("organisation"):
            self._revoke(request, key)

    def revoke_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST" or not self.has_revoke_permission(request):
            raise PermissionDenied
        self._revoke(request, get_object_or_404(ApiKey.objects.select_related("organisation"), pk=pk))
        return redirect("admin:marketplace_apikey_change", pk)

    def _revoke(self, request: HttpRequest, key: ApiKey) -> None:
        by = author(request, key.organisation_id)
        changes.run(lambda: revoke_api_key(key=key, by=by, now=clock.now()))
        messages.success(request, f"{key.prefix}… of {key.organisation} no longer works.")
