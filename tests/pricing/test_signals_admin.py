"""Build signals in the cockpit: only today's in the list, the most valuable first."""

import pytest
from django.urls import reverse

from pricing.curve.building import work_out_signals
from pricing.curve.models import BuildSignal, PriceVersion
from tests.cockpit import Cockpit, signed_in
from tests.market import phase

pytestmark = pytest.mark.django_db


def test_staff_see_what_to_hurry(cockpit: Cockpit) -> None:
    version = PriceVersion.objects.latest("pk")
    project = phase(version.seller.pools.earliest("pk"))
    work_out_signals(version_id=version.pk)
    signal = BuildSignal.objects.get(project=project)
    client = signed_in(cockpit.root)
    shown = client.get(reverse("admin:pricing_buildsignal_changelist")).content.decode()
    assert project.name in shown
    assert "power: $" in shown
    assert client.get(reverse("admin:pricing_buildsignal_change", args=[signal.pk])).status_code == 200
    assert client.get(reverse("admin:pricing_buildsignal_add")).status_code == 403
