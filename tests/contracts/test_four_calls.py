"""The main job over REST: need, offer, quote, reservation."""

from decimal import Decimal

from tests.contracts.conftest import Caller
from tests.market import Market

FOOTPRINT = ("energy_kwh", "it_kwh", "pue", "co2_kg", "flop_per_joule", "price_per_h100_equivalent_hour")


def test_a_need_becomes_a_reservation_in_four_calls(market: Market, bank: Caller) -> None:
    found = bank.post("/offers", market.need()).json()
    offer = found["offers"][0]
    assert (found["object"], found["refusal"], len(found["calendar"])) == ("search", None, 11)
    assert offer["ranks"] == ["cheapest", "soonest", "most_compute"]

    quote = bank.post("/quotes", {"offer": offer["id"]})
    assert quote.status_code == 201
    assert quote.json()["status"] == "open"
    assert quote.json()["allowed_actions"][:2] == ["accept", "release"]
    assert quote.json()["total"] == offer["total"]

    accepted = bank.post(f"/quotes/{quote.json()['id']}/accept")
    assert accepted.status_code == 201

    reservation = bank.get(f"/reservations/{accepted.json()['id']}").json()
    assert reservation == accepted.json()
    assert (reservation["object"], reservation["status"]) == ("reservation", "scheduled")
    assert (reservation["quote"], reservation["total"]) == (quote.json()["id"], offer["total"])
    for figure in FOOTPRINT:
        assert offer[figure] == quote.json()[figure] == reservation[figure], figure


def test_an_offer_says_what_it_is_made_of(market: Market, bank: Caller) -> None:
    offer = bank.offer(market)
    parts = {part["code"]: Decimal(part["amount"]["amount"]) for part in offer["breakdown"]}
    assert list(parts) == ["energy", "capital", "firm_premium", "scarcity", "term_tenor"]
    assert sum(parts.values()) == Decimal(offer["total"]["amount"])
    hours = 64 * 30 * 24
    # 1.5 kW x 1.2 PUE for every GPU-hour, at 100 g of CO2 a kWh.
    assert (offer["energy_kwh"], offer["co2_kg"]) == (hours * 1.8, round(hours * 0.18))
    assert (offer["it_kwh"], offer["pue"]) == (hours * 1.5, "1.20")
    # 989 TFLOP/s over 1.5 kW x 1.2.
    assert offer["flop_per_joule"] == round(989e12 / 1800)
    assert offer["price_per_h100_equivalent_hour"] == offer["unit_price"]
    assert parts["energy"] == Decimal(hours) * Decimal("0.09")
    assert offer["unit_price"] == f"{Decimal(offer['total']['amount']) / hours:.4f}"


def test_a_quote_has_its_terms_frozen(market: Market, bank: Caller) -> None:
    quote = bank.quote(market, client_reference="PO 1", metadata={"team": "risk"})
    assert quote["terms"] == {"version": "2027-01", "title": "Capacity terms", "digest": "0" * 64}
    assert quote["service_spec"]["document"] == {"delivery": "bare metal", "spares": "2 %"}
    assert quote["seller"]["legal_name"] == "Northwind Compute AG"
    assert (quote["client_reference"], quote["metadata"]) == ("PO 1", {"team": "risk"})
    assert quote["price_version"].startswith("prv_")
    assert 0 <= Decimal(quote["delivery_confidence"]) <= 1


def test_a_quantity_between_lots_is_offered_rounded_up(market: Market, bank: Caller) -> None:
    offer = bank.offer(market, quantity=60)
    assert (offer["quantity"], offer["rounded_up"]) == (64, True)
    assert bank.post("/quotes", {"offer": offer["id"]}).json()["rounded_up"] is True


def test_too_much_is_answered_with_needs_that_fit(market: Market, bank: Caller) -> None:
    found = bank.post("/offers", market.need(quantity=2056)).json()
    assert (found["offers"], found["refusal"]["code"]) == ([], "insufficient_headroom")
    fewer, *_ = found["refusal"]["nearest"]
    assert fewer["quantity"] == 2048
    for need in found["refusal"]["nearest"]:
        assert bank.post("/offers", need).json()["offers"] != []


def test_a_released_quote_frees_its_block(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    released = bank.post(f"/quotes/{quote['id']}/release")
    assert (released.status_code, released.json()["status"], released.json()["allowed_actions"]) == (
        200,
        "released",
        [],
    )
    again = bank.post(f"/quotes/{quote['id']}/accept")
    assert (again.status_code, again.json()["code"]) == (409, "quote_released")


def test_the_next_block_is_dearer(market: Market, bank: Caller) -> None:
    first, second = bank.offer(market, quantity=512), None
    bank.post("/quotes", {"offer": first["id"]})
    second = bank.offer(market, quantity=512, start={"from": first["start"], "to": first["start"]})
    assert Decimal(second["total"]["amount"]) > Decimal(first["total"]["amount"])
