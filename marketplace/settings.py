"""Settings. Everything that differs between machines comes from the environment; see docs/map.md."""

import hashlib
import os
from pathlib import Path

from django.urls import reverse_lazy
from psycopg.conninfo import conninfo_to_dict

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL = os.environ.get("HEADROOM_LOCAL") == "1"  # servers of ./headroom: plain HTTP on this machine
DEBUG = os.environ.get("HEADROOM_DEBUG") == "1"

if LOCAL or DEBUG:
    SECRET_KEY = os.environ.get("HEADROOM_SECRET_KEY", "local-only: nothing outside this machine trusts it")
else:
    SECRET_KEY = os.environ.get("HEADROOM_SECRET_KEY", "")  # Django refuses to start on an empty one
ALLOWED_HOSTS = os.environ.get("HEADROOM_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")
BASE_URL = os.environ.get("HEADROOM_BASE_URL", "http://localhost:8300")
CSRF_TRUSTED_ORIGINS = [BASE_URL]

# From this the secrets of webhooks are derived: with another one every receiver needs a new secret.
WEBHOOK_KEY = hashlib.sha256(b"webhooks\0" + (os.environ.get("HEADROOM_WEBHOOK_KEY") or SECRET_KEY).encode()).digest()
# Only on a local machine: webhooks also to this machine itself, in plain HTTP and at any port.
WEBHOOKS_TO_LOOPBACK = LOCAL and os.environ.get("HEADROOM_WEBHOOKS_TO_LOOPBACK") == "1"
WEBHOOKS_CA_FILE = os.environ.get("HEADROOM_WEBHOOKS_CA_FILE") or None

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "marketplace",
    "pricing",
    "reservations",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "marketplace.web.policy.content_security_policy",
]
ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.web.context.shell",
            ]
        },
    }
]


def database(url: str) -> dict[str, object]:
    """Django's settings for a libpq URL or connection string (any server's, or a socket of ./headroom)."""
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "headroom"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "")),
        # A wait for a lock ends as "busy, try again" and never as a hung request.
        "OPTIONS": {
            # What is prepared has one plan, made without the values: that is what it is prepared for.
            "options": "-c lock_timeout=5000 -c timezone=UTC -c plan_cache_mode=force_generic_plan",
            # Without a number psycopg prepares nothing, not even what asks for it (units/prepared.py). So many times
            # nothing is sent, so nothing is prepared that does not ask.
            "prepare_threshold": 1_000_000_000,
            **parts,
        },
        # A new connection per request costs several times the request itself.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": database(os.environ.get("DATABASE_URL", "postgresql:///headroom"))}
AUTH_USER_MODEL = "marketplace.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "market"
LOGOUT_REDIRECT_URL = "market"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = os.environ.get("HEADROOM_STATIC_ROOT", str(BASE_DIR / ".headroom" / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

SECURE_COOKIES = not (LOCAL or DEBUG)
SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = True
# Two clones side by side share the host "localhost", and cookies know no port.
SESSION_COOKIE_NAME = os.environ.get("HEADROOM_SESSION_COOKIE", "headroom_session")
CSRF_COOKIE_NAME = os.environ.get("HEADROOM_CSRF_COOKIE", "headroom_csrf")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_COOKIES else None
SECURE_HSTS_SECONDS = 31536000 if SECURE_COOKIES else 0
X_FRAME_OPTIONS = "DENY"

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# What waits for servers of strangers has workers of its own: no other sweep waits behind it.
CELERY_TASK_ROUTES = {
    "marketplace.deliver_webhooks": {"queue": "webhooks"},
    "marketplace.retry_webhooks": {"queue": "webhooks"},
}
# Every task is a sweep over rows that are due: it may run twice, late or not at all until the next tick.
CELERY_BEAT_SCHEDULE = {
    "project-supply": {"task": "marketplace.project_supply", "schedule": 10.0},
    "project-supply-daily": {
        "task": "marketplace.request_daily_projection",
        "schedule": 600.0,
    },
    "release-expired-holds": {
        "task": "marketplace.release_expired_holds",
        "schedule": 10.0,
    },
    "fan-out-events": {"task": "marketplace.fan_out_events", "schedule": 2.0, "options": {"expires": 10}},
    "deliver-webhooks": {"task": "marketplace.deliver_webhooks", "schedule": 5.0, "options": {"expires": 10}},
    "retry-webhooks": {"task": "marketplace.retry_webhooks", "schedule": 5.0, "options": {"expires": 10}},
    "forecast-demand": {"task": "pricing.forecast_demand", "schedule": 60.0},
    "watch-exposure": {"task": "marketplace.watch_exposure", "schedule": 60.0},
    "solve-prices": {"task": "pricing.solve_prices", "schedule": 10.0},
    "build-signals": {"task": "pricing.build_signals", "schedule": 60.0},
    "publish-tape": {"task": "pricing.publish_tape", "schedule": 10.0},
    "expire-quotes": {"task": "pricing.expire_quotes", "schedule": 10.0},
    "serve-waitlist": {"task": "reservations.serve_waitlist", "schedule": 15.0},
    "watch-shortfalls": {"task": "reservations.watch_shortfalls", "schedule": 30.0},
    "make-order-forms": {"task": "reservations.make_order_forms", "schedule": 10.0},
    "settle-reservations": {"task": "reservations.settle", "schedule": 10.0},
    "settle-remedies": {"task": "reservations.settle_remedies", "schedule": 10.0},
    "write-delay-credits": {"task": "reservations.write_delay_credits", "schedule": 600.0},
    "settle-unpaid-changes": {"task": "reservations.settle_unpaid_changes", "schedule": 60.0},
    "allot-projects": {"task": "reservations.allot_projects", "schedule": 60.0},
    "remind-of-ends": {"task": "reservations.remind_of_ends", "schedule": 60.0},
    "post-money": {"task": "reservations.post_money", "schedule": 10.0},
    "call-holders": {"task": "reservations.call_holders", "schedule": 60.0},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["marketplace.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["marketplace.api.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "marketplace.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "marketplace.api.problems.handler",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Headroom",
    "DESCRIPTION": "Reserve future GPU capacity at a published price.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "DisruptionKindEnum": "marketplace.supply.models.DISRUPTION_KINDS",
        "MilestoneKindEnum": "marketplace.supply.models.MILESTONE_KINDS",
        "CurrencyEnum": "marketplace.units.money.CURRENCIES",
        "AudienceEnum": "marketplace.supply.models.AUDIENCES",
    },
}


def staff_page(title: str, icon: str, name: str, permission: str) -> dict[str, object]:
    """An entry of the admin's sidebar, shown to those who may open it."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}"),
        "permission": lambda request: request.user.has_perm(permission),
    }


def staff_table(title: str, icon: str, model: str) -> dict[str, object]:
    """The sidebar's entry for a table, such as "pricing.quote"."""
    app, name = model.split(".")
    return {
        **staff_page(title, icon, f"{app}_{name}_changelist", f"{app}.view_{name}"),
        # Pages with an entry of their own (Sell capacity, Capacity) live below a table's address.
        "active": lambda request: (
            request.path.startswith(f"/admin/{app}/{name}/")
            and request.path.split("/")[4] not in ("sell", "capacity", "calibration", "providers")
        ),
    }


UNFOLD = {
    "SITE_TITLE": "Headroom",
    "SITE_HEADER": "Headroom",
    "SITE_SUBHEADER": "Sales and supply",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "reservations.admin.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "items": [
                    {"title": "Today", "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    staff_page("Sell capacity", "sell", "sell-capacity", "pricing.add_quote"),
                    staff_page("Capacity", "calendar_month", "capacity", "marketplace.view_capacityday"),
                ]
            },
            {
                "title": "Customers",
                "separator": True,
                "items": [
                    staff_table("Organisations", "apartment", "marketplace.organisation"),
                    staff_table("People", "person", "marketplace.user"),
                    staff_table("API keys", "key", "marketplace.apikey"),
                    staff_table("Master agreements", "contract", "marketplace.masteragreement"),
                    staff_table("Signing authorities", "ink_pen", "marketplace.signingauthority"),
                    staff_table("Cost centres", "account_balance", "marketplace.costcentre"),
                    staff_table("Approval chains", "approval", "marketplace.approvalchain"),
                    staff_table("Approval policy", "timer", "marketplace.approvalpolicy"),
                    staff_table("Enquiries", "search", "pricing.enquiry"),
                    staff_table("Quotes", "request_quote", "pricing.quote"),
                    staff_table("Negotiations", "forum", "pricing.negotiation"),
                    staff_table("Bundles", "inventory_2", "pricing.bundle"),
                    staff_table("Waitlist", "hourglass_empty", "reservations.waitlistentry"),
                    staff_table("Reservations", "event_available", "reservations.reservation"),
                    staff_page("Deliveries", "local_shipping", "deliveries", "reservations.view_reservation"),
                    staff_table("Assignments", "move_down", "reservations.assignment"),
                    staff_table("Continuity scenarios", "shield", "reservations.scenario"),
                    staff_table("Remedies", "healing", "reservations.remedy"),
                    staff_table("Overrides", "gavel", "reservations.remedyoverride"),
                    staff_table("Causes of delay", "event_busy", "reservations.delaycause"),
                    staff_table("Disputes", "forum", "reservations.causedispute"),
                    staff_table("Receipts", "payments", "reservations.receipt"),
                    staff_table("Dues", "request_page", "reservations.due"),
                    staff_table("Ledger of money", "menu_book", "reservations.posting"),
                    staff_page("Trial balance", "balance", "trial-balance", "reservations.view_posting"),
                    staff_table("Calendar addresses", "calendar_add_on", "reservations.calendarfeed"),
                ],
            },
            {
                "title": "Screening",
                "separator": True,
                "items": [
                    staff_table("Screening requests", "fact_check", "marketplace.clearanceproposal"),
                    staff_table("Clearances", "verified_user", "marketplace.clearance"),
                    staff_page("No longer clear", "report", "no-longer-clear", "marketplace.view_clearance"),
                    staff_table("End customers", "group", "marketplace.endcustomer"),
                    staff_table("Listed names", "block", "marketplace.listedname"),
                    staff_table("Screening policies", "gavel", "marketplace.screeningpolicy"),
                ],
            },
            {
                "title": "Supply",
                "separator": True,
                "items": [
                    staff_table("Projects", "construction", "marketplace.project"),
                    staff_page("Providers", "handshake", "providers", "marketplace.view_milestonereport"),
                    staff_table("Milestone reports", "flag", "marketplace.milestonereport"),
                    staff_table("Disclosure", "visibility", "marketplace.disclosurepolicy"),
                    staff_table("Disruptions", "storm", "marketplace.disruption"),
                    staff_table("Maintenance", "engineering", "marketplace.maintenancewindow"),
                    staff_table("Projections", "query_stats", "marketplace.projection"),
                    staff_page("Calibration", "straighten", "calibration", "marketplace.view_projection"),
                    staff_table("Project outlooks", "event", "marketplace.projectoutlook"),
                    staff_table("Projections due", "pending_actions", "marketplace.projectiondue"),
                    staff_table("Promises", "verified", "marketplace.supplypolicy"),
                    staff_table("Exposure", "warning", "marketplace.siteexposure"),
                    staff_table("Selling stops", "block", "marketplace.sellingstop"),
                    staff_table("Shortfalls", "trending_down", "reservations.shortfall"),
                    staff_table("Plans", "alt_route", "reservations.plan"),
                    staff_table("Allocation policies", "gavel", "reservations.allocationpolicy"),
                    staff_table("Pools", "dns", "marketplace.pool"),
                    staff_table("Service specs", "description", "marketplace.servicespec"),
                    staff_table("Sites", "location_on", "marketplace.site"),
                    staff_table("Accelerators", "memory", "marketplace.accelerator"),
                ],
            },
            {
                "title": "Prices",
                "separator": True,
                "items": [
                    staff_table("Policies", "gavel", "pricing.pricepolicy"),
                    staff_table("Negotiation policies", "balance", "pricing.negotiationpolicy"),
                    staff_table("Sales limits", "price_check", "pricing.saleslimit"),
                    staff_table("Price versions", "price_change", "pricing.priceversion"),
                    staff_table("Public tape", "campaign", "pricing.tape"),
                    staff_table("Build signals", "construction", "pricing.buildsignal"),
                    staff_table("Terms", "contract", "pricing.termsdocument"),
                    staff_table("Contracts", "assignment", "pricing.contractpolicy"),
                    staff_table("Demand forecasts", "trending_up", "pricing.demandforecast"),
                ],
            },
            {
                "title": "Records",
                "separator": True,
                "items": [
                    staff_table("Journal", "history", "marketplace.entry"),
                    staff_table("Events", "notifications", "marketplace.event"),
                    staff_table("Webhooks", "webhook", "marketplace.webhookendpoint"),
                    staff_table("Webhook deliveries", "outgoing_mail", "marketplace.webhookdelivery"),
                    staff_table("Claims", "lock_clock", "marketplace.claim"),
                    staff_table("Ledger", "receipt_long", "marketplace.ledgerentry"),
                    staff_table("Staff groups", "groups", "auth.group"),
                ],
            },
        ],
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "marketplace.web.logs.WithoutRows",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
