from django.urls import path

from marketplace.api import documents
from marketplace.api.calibration import CalibrationDoor
from marketplace.api.catalogue import Accelerators, Pools, Sites
from marketplace.api.events import Events
from marketplace.api.promises import Exposures, PublishedPromises

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
]
