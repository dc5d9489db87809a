"""Bundles, ramps and splits over REST: asked for, taken, accepted and released all or none."""

from decimal import Decimal
from typing import Any

from marketplace.capacity.models import CapacityDay
from marketplace.units.period import Period
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.contracts.conftest import Caller
from tests.contracts.test_schema import follows
from tests.market import Market, block_taken


def on(market: Market, offset: int) -> dict[str, str]:
    return {"from": market.day(offset).isoformat(), "to": market.day(offset).isoformat()}


def parts(market: Market, **changed: Any) -> dict[str, Any]:
    return {
        "parts": [
            market.need(start=on(market, 10)),
            market.need(accelerators=["gb200"], quantity=72, start=on(market, 20), **changed),
        ]
    }


def ramp(market: Market, *quantities: int) -> dict[str, Any]:
    steps = [
        {"from": market.day(10 + 30 * number).isoformat(), "quantity": quantity}
        for number, quantity in enumerate(quantities)
    ]
    end = market.day(10 + 30 * len(quantities)).isoformat()
    return {"ramp": {"steps": steps, "end_exclusive": end}, "firmness": "firm", "accelerators": ["h100"]}


def bundle(caller: Caller, body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    offer = caller.post("/offers", body).json()["offers"][0]
    answer = caller.post("/quotes", {"offer": offer["id"], **fields})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def held() -> int:
    return sum(day.firm_held for day in CapacityDay.objects.all())


def test_a_bundle_is_asked_for_taken_and_accepted(market: Market, bank: Caller) -> None:
    found = bank.post("/offers", parts(market))
    follows("post", "/offers", 200, found.json())
    (offer,) = found.json()["offers"]
    assert (offer["object"], offer["kind"], len(offer["parts"])) == ("offer", "bundle", 2)
    assert all("id" not in part for part in offer["parts"])
    taken = bundle(bank, parts(market), client_reference="PO 7", metadata={"team": "risk"})
    follows("post", "/quotes", 201, taken)
    assert (taken["object"], taken["status"], taken["allowed_actions"]) == ("bundle", "open", ["accept", "release"])
    assert taken["total"] == offer["total"]
    assert sum(Decimal(part["total"]["amount"]) for part in taken["parts"]) == Decimal(taken["total"]["amount"])
    assert {part["bundle"] for part in taken["parts"]} == {taken["id"]}

    accepted = bank.post(f"/bundles/{taken['id']}/accept", idempotency_key="once")
    assert accepted.status_code == 201
    follows("post", "/bundles/{public_id}/accept", 201, accepted.json())
    again = bank.post(f"/bundles/{taken['id']}/accept", idempotency_key="once")
    assert again.json() == accepted.json()
    made = accepted.json()["reservations"]
    assert [each["quote"] for each in made] == [part["id"] for part in taken["parts"]]
    listed = bank.get("/reservations", bundle=taken["id"]).json()["data"]
    assert {each["id"] for each in listed} == {each["id"] for each in made}
    shown = bank.get(f"/bundles/{taken['id']}").json()
    follows("get", "/bundles/{public_id}", 200, shown)
    assert (shown["status"], shown["allowed_actions"], shown["client_reference"]) == ("accepted", [], "PO 7")
    follows("get", "/bundles", 200, bank.get("/bundles", kind="bundle").json())


def test_a_part_alone_is_refused_and_names_its_bundle(market: Market, bank: Caller) -> None:
    taken = bundle(bank, parts(market))
    part, before = taken["parts"][0], held()
    assert part["allowed_actions"] == []
    for verb in ("accept", "release"):
        refused = bank.post(f"/quotes/{part['id']}/{verb}")
        assert (refused.status_code, refused.json()["code"]) == (409, "part_of_bundle")
        assert refused.json()["bundle"] == taken["id"]
    assert (held(), Reservation.objects.count()) == (before, 0)


def test_a_bundle_is_released_whole(market: Market, bank: Caller) -> None:
    taken = bundle(bank, parts(market))
    released = bank.post(f"/bundles/{taken['id']}/release")
    assert (released.status_code, released.json()["status"]) == (200, "released")
    assert {part["status"] for part in released.json()["parts"]} == {"released"}
    assert held() == 0
    late = bank.post(f"/bundles/{taken['id']}/accept")
    assert (late.status_code, late.json()["code"]) == (409, "quote_released")


def test_what_belongs_to_another_organisation_is_not_there(market: Market, bank: Caller, rival: Caller) -> None:
    taken = bundle(bank, parts(market))
    nothing = rival.get("/bundles/bnd_0000000000000000000000").json()
    assert rival.get(f"/bundles/{taken['id']}").json() == nothing
    for verb in ("accept", "release"):
        assert rival.post(f"/bundles/{taken['id']}/{verb}").json() == nothing
    assert rival.get("/bundles").json()["data"] == []
    assert bank.get(f"/bundles/{taken['id']}").json()["status"] == "open"


def test_a_refused_bundle_names_the_part_and_what_can_be_posted_instead(market: Market, bank: Caller) -> None:
    found = bank.post("/offers", parts(market) | {"parts": [market.need(), market.need(quantity=2056)]}).json()
    follows("post", "/offers", 200, found)
    assert (found["offers"], found["refusal"]["part"], found["refusal"]["binds"]) == ([], 1, "part")
    assert found["refusal"]["nearest"]
    for body in found["refusal"]["nearest"]:
        assert bank.post("/offers", body).json()["offers"]


def test_a_part_that_was_taken_meanwhile_leaves_nothing_held(market: Market, bank: Caller) -> None:
    offer = bank.post("/offers", parts(market)).json()["offers"][0]
    block_taken(market.gb200, Period.of(market.day(0), 300), 720)
    gone = bank.post("/quotes", {"offer": offer["id"]})
    assert (gone.status_code, gone.json()["code"], gone.json()["part"]) == (409, "insufficient_headroom", 1)
    assert (held(), Quote.objects.count()) == (0, 0)
    for body in gone.json()["nearest"]:
        assert bank.post("/offers", body).json()["offers"]


def test_a_bundle_that_became_dearer_is_offered_again(market: Market, bank: Caller) -> None:
    offer = bank.post("/offers", parts(market)).json()["offers"][0]
    block_taken(market.h100, Period.of(market.day(0), 300), 1000)
    changed = bank.post("/quotes", {"offer": offer["id"]})
    assert (changed.status_code, changed.json()["code"], held()) == (409, "price_changed", 0)
    follows("post", "/quotes", 409, changed.json())
    assert bank.post("/quotes", {"offer": changed.json()["offer"]["id"]}).status_code == 201


def test_a_ramp_is_one_contract(market: Market, bank: Caller) -> None:
    found = bank.post("/offers", ramp(market, 64, 128)).json()
    follows("post", "/offers", 200, found)
    (offer,) = found["offers"]
    assert (offer["kind"], offer["quantity"], offer["start"]) == ("ramp", 128, market.day(10).isoformat())
    assert [(part["quantity"], part["start"]) for part in offer["parts"]] == [
        (64, market.day(10).isoformat()),
        (64, market.day(40).isoformat()),
    ]
    taken = bundle(bank, ramp(market, 64, 128))
    assert bank.post(f"/bundles/{taken['id']}/accept").status_code == 201


def test_a_ramp_that_does_not_fit_says_at_which_step(market: Market, bank: Caller) -> None:
    found = bank.post("/offers", ramp(market, 64, 4000)).json()
    follows("post", "/offers", 200, found)
    assert (found["offers"], found["refusal"]["part"]) == ([], 1)
    for body in found["refusal"]["nearest"]:
        assert bank.post("/offers", body).json()["offers"]


def test_a_divisible_need_is_answered_with_a_split_beside_the_pools(market: Market, bank: Caller) -> None:
    found = bank.post("/offers", market.need(accelerators=[], quantity=2192, divisible=True)).json()
    follows("post", "/offers", 200, found)
    (split,) = found["offers"]
    assert (split["kind"], split["ranks"], found["refusal"]) == ("split", ["cheapest"], None)
    assert sum(part["quantity"] for part in split["parts"]) == 2192
    taken = bundle(bank, market.need(accelerators=[], quantity=2192, divisible=True))
    assert taken["kind"] == "split"


def test_a_range_says_what_was_filled(market: Market, bank: Caller) -> None:
    wanted = {"min": 64, "max": 4000}
    offer = bank.offer(market, quantity=wanted)
    assert (offer["kind"], offer["quantity"], offer["wanted_quantity"], offer["is_partial"]) == (
        "block",
        2048,
        4000,
        True,
    )
    assert bank.offer(market)["is_partial"] is False
    split = bank.post("/offers", market.need(accelerators=[], quantity=wanted, divisible=True)).json()["offers"]
    assert {(each["kind"], each["is_partial"]) for each in split} == {("block", True), ("split", True)}


def test_what_makes_no_sense_is_refused_field_by_field(market: Market, bank: Caller) -> None:
    wrong = bank.post("/offers", {"parts": [market.need(quantity=0), market.need(sort="soonest")]})
    assert wrong.status_code == 422
    assert [each["pointer"] for each in wrong.json()["errors"]] == ["/parts/0/quantity", "/parts/1/sort"]
    assert bank.post("/offers", {"ramp": {"steps": []}}).status_code == 422
    assert bank.post("/quotes", {"offer": "bof_nonsense"}).json()["code"] == "offer_invalid"
