"""Keys, their scopes, and the walls between organisations."""

from datetime import timedelta

import pytest

from marketplace.journal.actor import SYSTEM
from marketplace.parties.actions import revoke_api_key
from marketplace.parties.models import ApiKey
from marketplace.units import clock
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.contracts.conftest import Caller
from tests.market import Market, key

READ_BY_GET = ["/pools", "/sites", "/accelerators", "/events", "/quotes", "/reservations"]


@pytest.mark.parametrize("secret", [None, "", "hr_live_0000000000000000000000", "hr_live_\u00e9"])
def test_without_a_good_key_there_is_nothing(market: Market, secret: str | None) -> None:
    for path in READ_BY_GET:
        answer = Caller(secret).get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_an_expired_and_an_unknown_key_cannot_be_told_apart(market: Market) -> None:
    expired = key(market.bank.organisation, expires_at=clock.now() - timedelta(seconds=1))
    revoked = key(market.bank.organisation)
    revoke_api_key(key=ApiKey.objects.latest("pk"), by=SYSTEM, now=clock.now())
    answers = {Caller(secret).get("/quotes").content for secret in (expired, revoked, "hr_live_unknown")}
    assert len(answers) == 1


def test_a_key_notes_its_last_use(market: Market, bank: Caller) -> None:
    bank.get("/pools")
    assert ApiKey.objects.get(organisation=market.bank.organisation).last_used_at is not None


def test_looking_is_not_quoting(market: Market, bank: Caller) -> None:
    reader = Caller(key(market.bank.organisation, "read"))
    answer = reader.post("/quotes", {"offer": reader.offer(market)["id"]})
    assert (answer.status_code, answer.json()["code"], answer.json()["scope"]) == (403, "scope_required", "quote")
    assert not Quote.objects.exists()
    quote = bank.quote(market)
    assert reader.post(f"/quotes/{quote['id']}/release").json()["code"] == "scope_required"
    assert reader.get(f"/quotes/{quote['id']}").json()["status"] == "open"


def test_quoting_is_not_committing(market: Market) -> None:
    quoter = Caller(key(market.bank.organisation, "read", "quote"))
    quote = quoter.quote(market)
    answer = quoter.post(f"/quotes/{quote['id']}/accept")
    assert (answer.status_code, answer.json()["scope"]) == (403, "commit")
    assert not Reservation.objects.exists()


def test_committing_is_not_looking(market: Market) -> None:
    committer = Caller(key(market.bank.organisation, "commit"))
    for path in READ_BY_GET:
        assert committer.get(path).json()["scope"] == "read"
    assert committer.post("/offers", market.need()).json()["scope"] == "read"


def test_another_organisations_quote_is_like_none_at_all(market: Market, bank: Caller, rival: Caller) -> None:
    quote = bank.quote(market)["id"]
    nobody = f"qte_{'0' * 22}"
    for call, path in (
        (rival.get, "/quotes/{}"),
        (rival.post, "/quotes/{}/accept"),
        (rival.post, "/quotes/{}/release"),
        (rival.get, "/reservations/{}"),
    ):
        theirs, unknown = call(path.format(quote)), call(path.format(nobody))
        assert (theirs.status_code, theirs.json()["code"]) == (404, "not_found")
        assert (theirs.content, theirs.headers["Content-Type"]) == (unknown.content, unknown.headers["Content-Type"])
    assert bank.get(f"/quotes/{quote}").json()["status"] == "open"


def test_an_address_that_does_not_exist_answers_alike(market: Market, bank: Caller) -> None:
    assert bank.get("/quotes/qte_none").content == bank.get("/nothing/here").content


def test_lists_show_an_organisation_its_own_and_nothing_else(market: Market, bank: Caller, rival: Caller) -> None:
    quote = bank.quote(market, client_reference="PO 7")
    bank.post(f"/quotes/{quote['id']}/accept")
    for path in ("/quotes", "/reservations", "/events"):
        assert bank.get(path).json()["data"] != []
        assert rival.get(path).json()["data"] == []
    assert rival.get("/quotes", client_reference="PO 7").json()["data"] == []
    assert rival.get("/reservations", quote=quote["id"]).json()["data"] == []
    # Neither may a cursor say whether the object exists.
    theirs, unknown = rival.get("/quotes", after=quote["id"]), rival.get("/quotes", after="qte_none")
    assert theirs.content == unknown.content


def test_a_reference_of_one_organisation_is_free_in_another(market: Market, bank: Caller, rival: Caller) -> None:
    bank.quote(market, client_reference="PO 7")
    assert rival.quote(market, client_reference="PO 7")["client_reference"] == "PO 7"


def test_an_offer_to_another_organisation_is_not_an_offer(market: Market, bank: Caller, rival: Caller) -> None:
    answer = rival.post("/quotes", {"offer": bank.offer(market)["id"]})
    forged = rival.post("/quotes", {"offer": "off_forged"})
    assert (answer.status_code, answer.json()["code"]) == (422, "offer_invalid")
    assert answer.content == forged.content
    assert not Quote.objects.exists()
