"""A change of rules in a browser: typed, previewed, published."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.urls import reverse

from marketplace.models import User
from pricing.curve.models import PricePolicy
from tests.browser.conftest import Desk
from tests.market import PASSWORD, Market
from tests.pricing.test_quotes import take

pytestmark = pytest.mark.django_db(transaction=True)


def test_staff_see_what_a_policy_would_do_before_they_publish_it(market: Market, desk: Desk, screenshots: Path) -> None:
    take(market, market.bank, quantity=512)
    root = User.objects.create_superuser("root@headroom.test", PASSWORD, name="Root")
    desk.sit_down(root)
    page, old = desk.page, PricePolicy.objects.get()
    desk.go(f"{reverse('admin:pricing_pricepolicy_add')}?copy={old.pk}")
    page.locator("#id_premium_firm").fill("0.02")
    page.locator("#id_tenor").fill("10: 2 %, 90: 8.5 %")
    page.screenshot(path=screenshots / "policy-form.png", full_page=True)
    page.locator("button[name=_save], input[name=_save]").first.click()
    page.get_by_text("Nothing is published yet").wait_for()
    page.screenshot(path=screenshots / "policy-preview.png", full_page=True)
    assert PricePolicy.objects.count() == 1
    page.get_by_role("button", name="Publish it").click()
    page.wait_for_url("**/admin/pricing/pricepolicy/**")
    new = PricePolicy.objects.get(version=2)
    assert (new.premium_firm, new.tenor) == (Decimal("0.0200"), [[10, 200], [90, 850]])
    desk.go(reverse("admin:pricing_pricepolicy_change", args=[new.pk]))
    page.screenshot(path=screenshots / "policy-read.png", full_page=True)
    assert page.get_by_text("2 % from 10, 8.5 % from 90").count() == 1
