"""What each kind of staff may do in the admin. The groups are named here and nowhere else."""

from django.contrib.auth.models import Group, Permission

SALES, SUPPLY_PLANNER, FINANCE, COMPLIANCE = "Sales", "Supply planner", "Finance", "Compliance"
APPS = ("marketplace", "pricing", "reservations")
HIDDEN = (
    "change",
    "webhooksecret",
    "webhookcursor",
)  # stored answers to idempotency keys: a customer's own, and no business of staff

# Selling: `add_quote` holds capacity for a customer, `change_quote` gives it back, `add_reservation` accepts,
# `change_reservation` asks for changes and exits and hands over, `change_assignment` consents, `change_remedy`
# overrides with a reason, `change_causedispute` answers and resolves.
SELL = ("add_quote", "change_quote", "change_negotiation", "add_reservation") + (
    "change_reservation",
    "change_assignment",
    "change_remedy",
    "change_causedispute",
    "change_delaycause",
)
MONEY = ("add_receipt",)  # bank transfers are recorded, and never changed
ACCOUNTS = (
    "add_organisation",
    "change_organisation",
    "add_user",
    "change_user",
    "add_membership",
    "change_membership",
    "delete_membership",
    "add_apikey",
    "change_apikey",
    "add_masteragreement",
    "change_masteragreement",
    "change_webhookendpoint",  # switches one off; nothing about it is edited
)
# `add_delaycause` states why something is late, `change_delaycause` is the second person's word.
# `add_clearanceproposal` asks, `change_clearanceproposal` is the second person's word, `add_clearance` blocks.
SCREEN = (
    "add_clearanceproposal",
    "change_clearanceproposal",
    "add_clearance",
    "add_listedname",
    "change_listedname",
    "add_screeningpolicy",
)
BUILD = tuple(
    f"{verb}_{model}"
    for model in ("accelerator", "site", "pool", "project", "milestone", "disruption", "maintenancewindow")
    for verb in ("add", "change")
) + ("add_servicespec", "add_projectiondue", "add_delaycause", "change_delaycause")


def ensure_staff_groups() -> dict[str, Group]:
    """Makes the groups, or brings them back to what stands here. Running it again changes nothing."""
    return {
        SALES: _ensure(SALES, SELL + ACCOUNTS),
        SUPPLY_PLANNER: _ensure(SUPPLY_PLANNER, BUILD),
        FINANCE: _ensure(FINANCE, MONEY),
        COMPLIANCE: _ensure(COMPLIANCE, SCREEN),
    }


def _ensure(name: str, codenames: tuple[str, ...]) -> Group:
    group, _ = Group.objects.get_or_create(name=name)
    ours = Permission.objects.filter(content_type__app_label__in=APPS)
    seen = ours.filter(codename__startswith="view_").exclude(content_type__model__in=HIDDEN)
    group.permissions.set([*seen, *ours.filter(codename__in=codenames)])
    return group
