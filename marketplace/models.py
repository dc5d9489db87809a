"""Every model of the package in one place, for Django; the rooms define them."""

from marketplace.capacity.models import CapacityDay, Claim, ClaimLine, LedgerEntry, LimitsWritten
from marketplace.catalogue.models import Accelerator, Pool, ServiceSpec, Site
from marketplace.change.models import Change
from marketplace.journal.models import Entry
from marketplace.outbox.models import (
    Event,
    WebhookAttempt,
    WebhookCursor,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)
from marketplace.parties.agreements import MasterAgreement, SigningAuthority
from marketplace.parties.models import ApiKey, Membership, Organisation, User
from marketplace.parties.spending import (
    ApprovalChain,
    ApprovalPolicy,
    ApprovalStep,
    Budget,
    BudgetClaim,
    BudgetEntry,
    CostCentre,
)
from marketplace.screening.models import (
    Clearance,
    ClearanceProposal,
    EndCustomer,
    ListedName,
    ScreeningPolicy,
)
from marketplace.supply.models import (
    Disruption,
    MaintenanceWindow,
    Milestone,
    MilestoneNote,
    PoolOutlook,
    Project,
    Projection,
    ProjectionDue,
    ProjectOutlook,
    SellingStop,
    SiteExposure,
    SupplyPolicy,
)

__all__ = [
    "Accelerator",
    "ApiKey",
    "ApprovalChain",
    "ApprovalPolicy",
    "ApprovalStep",
    "Budget",
    "BudgetClaim",
    "BudgetEntry",
    "CapacityDay",
    "Change",
    "Claim",
    "ClaimLine",
    "Clearance",
    "ClearanceProposal",
    "CostCentre",
    "Disruption",
    "EndCustomer",
    "Entry",
    "Event",
    "LedgerEntry",
    "LimitsWritten",
    "ListedName",
    "MaintenanceWindow",
    "MasterAgreement",
    "Membership",
    "Milestone",
    "MilestoneNote",
    "Organisation",
    "Pool",
    "PoolOutlook",
    "Project",
    "ProjectOutlook",
    "Projection",
    "ProjectionDue",
    "ScreeningPolicy",
    "SellingStop",
    "ServiceSpec",
    "SigningAuthority",
    "Site",
    "SiteExposure",
    "SupplyPolicy",
    "User",
    "WebhookAttempt",
    "WebhookCursor",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSecret",
]
