"""The public board of other markets than the usual one: one that has not opened, and a wide one."""

from django.test import Client

from marketplace.catalogue.models import Site
from marketplace.units import clock
from pricing.curve.actions import publish_tape, solve_prices
from tests.market import default_policy, party, pool, project_flat


def test_the_board_opens_before_there_is_a_tape(db: None) -> None:
    assert "The market opens when the first projection is priced" in Client().get("/").text


def test_the_board_takes_many_accelerators_and_regions(db: None) -> None:
    now = clock.now()
    seller = party("Northwind Compute").organisation
    pools = {pool(seller, f"type-{n}", f"Site {n}", "DE", lot=8): (800, 900, 1000) for n in range(14)}
    for each in pools:
        Site.objects.filter(pk=each.site_id).update(region=f"Region of {each.site.name}")
    projection = project_flat(pools, now)
    solve_prices(seller=seller, policy=default_policy(now), projection=projection, reason="first prices", now=now)
    publish_tape(now=now)
    answer = Client().get("/")
    assert all(f"TYPE {n}" in answer.text for n in range(14))
    assert "The cheapest and the largest of 14." in answer.text
