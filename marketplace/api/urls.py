from django.urls import path

from marketplace.api import authority_problems, documents
from marketplace.api.calibration import CalibrationDoor
from marketplace.api.catalogue import Accelerators, Pools, Sites
from marketplace.api.end_customers import ArchiveEndCustomer, EndCustomers, OwnScreening
from marketplace.api.events import Events
from marketplace.api.promises import Exposures, PublishedPromises
from marketplace.api.providers import (
    Disclosure,
    Disruptions,
    Maintenance,
    MilestoneReports,
    ProviderRecordDoor,
    SupplyFiles,
    WithdrawDisruption,
    WithdrawMaintenance,
)
from marketplace.api.signing import Agreements, Authorities, RevokeAuthority
from marketplace.api.spending import ApprovalChains, Budgets, CloseCostCentre, CostCentres, WithdrawChain
from marketplace.api.webhooks import (
    PingWebhook,
    RedeliverWebhook,
    ReplayWebhook,
    RotateWebhookSecret,
    WebhookDeliveries,
    WebhookDeliveryDoor,
    WebhookEndpointDoor,
    WebhookEndpoints,
)

__all__ = ["authority_problems", "urlpatterns"]  # importing the problems registers them

urlpatterns = [
    path("schema/", documents.schema, name="api-schema"),
    path("docs/", documents.docs, name="api-docs"),
    path("v1/accelerators", Accelerators.as_view()),
    path("v1/sites", Sites.as_view()),
    path("v1/pools", Pools.as_view()),
    path("v1/events", Events.as_view()),
    path("v1/calibration", CalibrationDoor.as_view()),
    path("v1/promises", PublishedPromises.as_view()),
    path("v1/exposure", Exposures.as_view()),
    path("v1/cost-centres", CostCentres.as_view()),
    path("v1/cost-centres/<slug:public_id>/close", CloseCostCentre.as_view()),
    path("v1/cost-centres/<slug:public_id>/budgets", Budgets.as_view()),
    path("v1/approval-chains", ApprovalChains.as_view()),
    path("v1/approval-chains/<slug:public_id>/withdraw", WithdrawChain.as_view()),
    path("v1/agreements", Agreements.as_view()),
    path("v1/authorities", Authorities.as_view()),
    path("v1/authorities/<slug:public_id>/revoke", RevokeAuthority.as_view()),
    path("v1/end-customers", EndCustomers.as_view()),
    path("v1/end-customers/<slug:public_id>/archive", ArchiveEndCustomer.as_view()),
    path("v1/screening", OwnScreening.as_view()),
    path("v1/webhook-endpoints", WebhookEndpoints.as_view()),
    path("v1/webhook-endpoints/<slug:public_id>", WebhookEndpointDoor.as_view()),
    path("v1/webhook-endpoints/<slug:public_id>/rotate-secret", RotateWebhookSecret.as_view()),
    path("v1/webhook-endpoints/<slug:public_id>/ping", PingWebhook.as_view()),
    path("v1/webhook-endpoints/<slug:public_id>/replay", ReplayWebhook.as_view()),
    path("v1/webhook-deliveries", WebhookDeliveries.as_view()),
    path("v1/webhook-deliveries/<slug:public_id>", WebhookDeliveryDoor.as_view()),
    path("v1/webhook-deliveries/<slug:public_id>/redeliver", RedeliverWebhook.as_view()),
    path("v1/projects/<slug:public_id>/milestones", MilestoneReports.as_view()),
    path("v1/disruptions", Disruptions.as_view()),
    path("v1/disruptions/<slug:public_id>/withdraw", WithdrawDisruption.as_view()),
    path("v1/maintenance", Maintenance.as_view()),
    path("v1/maintenance/<slug:public_id>/withdraw", WithdrawMaintenance.as_view()),
    path("v1/supply-files", SupplyFiles.as_view()),
    path("v1/provider-record", ProviderRecordDoor.as_view()),
    path("v1/disclosure", Disclosure.as_view()),
]
