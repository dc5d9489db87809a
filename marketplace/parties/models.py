from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from marketplace.journal.actor import Actor
from marketplace.units.ids import new_id

VIEWER, BUYER, APPROVER, ADMIN = "viewer", "buyer", "approver", "admin"
ROLES = [
    (VIEWER, "Viewer"),
    (BUYER, "Buyer"),
    (APPROVER, "Approver"),
    (ADMIN, "Administrator"),
]
SCOPES = ("read", "quote", "commit", "supply", "usage", "admin")


def new_organisation_id() -> str:
    return new_id("org")


class UserManager(BaseUserManager["User"]):
    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in by e-mail; acts for the organisations of which they are a member."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150)
    is_staff = models.BooleanField(default=False, help_text="May sign in to the admin.")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(email=Lower("email")), name="email_is_lower_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name

    def as_actor(self, organisation_id: int | None) -> Actor:
        return Actor(
            self.email,
            user_id=self.pk,
            organisation_id=organisation_id,
            is_staff=self.is_staff,
        )


class Organisation(models.Model):
    """A legal entity that buys, sells or both: the tenant of everything that it owns."""

    public_id = models.CharField(max_length=40, unique=True, default=new_organisation_id, editable=False)
    name = models.CharField(max_length=120, unique=True)
    legal_name = models.CharField(max_length=200)
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2, such as DE")
    ultimate_parent = models.CharField(max_length=200, blank=True)
    ultimate_parent_country = models.CharField(max_length=2, blank=True)
    tax_ids = models.JSONField(default=dict, blank=True)
    is_demo = models.BooleanField(default=False, help_text="Invented, and marked so wherever it shows.")
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="organisations")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What a person may do for an organisation."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=ROLES)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organisation"], name="one_role_per_organisation")]

    def __str__(self) -> str:
        return f"{self.user}, {self.role} of {self.organisation}"

    @property
    def may_buy(self) -> bool:
        """Quote, accept and release for the organisation; viewers look only."""
        return self.role in (BUYER, APPROVER, ADMIN)

    @property
    def may_approve(self) -> bool:
        return self.role in (APPROVER, ADMIN)

    @property
    def may_administer(self) -> bool:
        return self.role == ADMIN


class ApiKey(models.Model):
    """A secret of an organisation for REST. Shown once; only its SHA-256 is kept (the secret is random, 131 bits)."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=20, help_text="Its first characters, to tell keys apart.")
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10))
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=list(SCOPES)) & ~models.Q(scopes=[]),
                name="known_scopes",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    def as_actor(self) -> Actor:
        return Actor(f"key {self.prefix}", key_id=self.pk, organisation_id=self.organisation_id)
