"""A seller's own page: its own supply, and nothing of anybody else's."""

from django.test import Client

from pricing.curve.building import versions_without_signals, work_out_signals
from tests.market import Market, Party, phase


def page_of(party: Party) -> str:
    client = Client()
    client.force_login(party.buyer)
    answer = client.get("/selling/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_seller_sees_what_building_sooner_is_worth(market: Market) -> None:
    project = phase(market.h100)
    for version_id in versions_without_signals():
        work_out_signals(version_id=version_id)
    shown = page_of(market.seller)
    assert f"{project.name} gains most" in shown
    assert "Power" in shown
    for other in (market.other_seller, market.bank):
        assert project.name not in page_of(other)


def test_who_sells_nothing_is_told_how_it_starts(market: Market) -> None:
    assert "You sell nothing here yet" in page_of(market.bank)
    assert "Nothing to build" in page_of(market.seller)


def test_the_way_there_is_shown_to_sellers_only(market: Market) -> None:
    assert 'href="/selling/"' in page_of(market.seller)
    assert 'href="/selling/"' not in page_of(market.bank)
