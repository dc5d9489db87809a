"""Who may sign, and for whom: an agreement in force with the seller or Headroom, and authority under it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from marketplace.journal.actor import SYSTEM, Actor
from marketplace.journal.models import Entry
from marketplace.parties.actions import create_api_key, revoke_api_key
from marketplace.parties.agreements import MasterAgreement
from marketplace.parties.budgets import CostCentreNeeded, open_cost_centre
from marketplace.parties.chains import ChainRefused, Step, set_chain, withdraw_chain
from marketplace.parties.models import ADMIN, APPROVER, BUYER, ApiKey, Membership, Organisation, User
from marketplace.parties.signing import (
    AgreementOver,
    AlreadyGranted,
    NoAgreement,
    NoAuthority,
    SignatoryUnknown,
    Standing,
    check_may_sign,
    end_agreement,
    grant_authority,
    record_agreement,
    revoke_authority,
    standing,
)
from tests.budgets import usd

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DIGEST = "a" * 64


@dataclass(frozen=True)
class Cast:
    bank: Organisation
    seller: Organisation
    other_seller: Organisation
    buyer: User
    approver: User
    stranger: User
    key: ApiKey


@pytest.fixture
def cast() -> Cast:
    bank, seller, other = (organisation(name) for name in ("First Bank", "Northwind", "Sable"))
    buyer, approver = (person(f"{role}@first.example", bank, role) for role in (BUYER, APPROVER))
    key, _ = create_api_key(organisation=bank, name="tests", scopes=["commit"], by=SYSTEM, now=NOW)
    return Cast(bank, seller, other, buyer, approver, person("a@rival.example", other, ADMIN), key)


def organisation(name: str) -> Organisation:
    return Organisation.objects.create(name=name, legal_name=name, country="DE")


def person(email: str, of: Organisation, role: str) -> User:
    user = User.objects.create_user(email, "secret", name=email)
    Membership.objects.create(user=user, organisation=of, role=role)
    return user


def agreement(cast: Cast, seller: Organisation | None = None, until: date | None = None) -> MasterAgreement:
    return record_agreement(
        organisation=cast.bank,
        seller=seller,
        document_version="2026-11",
        document_digest=DIGEST,
        signed_on=date(2026, 11, 1),
        signed_by="Anna Berg, CFO",
        in_force_from=date(2026, 11, 2),
        until=until,
        by=SYSTEM,
        now=NOW,
    )


def check(cast: Cast, who: User | ApiKey | Actor, amount: int = 100, now: datetime = NOW) -> None:
    by = who.as_actor() if isinstance(who, ApiKey) else who.as_actor(cast.bank.pk) if isinstance(who, User) else who
    check_may_sign(organisation_id=cast.bank.pk, by=by, seller_id=cast.seller.pk, amount=usd(amount), now=now)


def grant(found: MasterAgreement, who: User | ApiKey, limit: int = 100) -> object:
    return grant_authority(agreement=found, signatory=who, limit=usd(limit), by=SYSTEM, now=NOW)


def test_without_an_agreement_nobody_signs(cast: Cast) -> None:
    with pytest.raises(NoAgreement, match="no master agreement in force with this seller or with Headroom"):
        check(cast, cast.buyer)


def test_a_person_and_a_key_sign_up_to_their_amount(cast: Cast) -> None:
    found = agreement(cast)
    for who in (cast.buyer, cast.key):
        grant(found, who)
        check(cast, who, 100)
        with pytest.raises(NoAuthority, match="no authority to sign for this amount"):
            check(cast, who, 101)
    with pytest.raises(NoAuthority):
        check(cast, cast.approver, 1)


def test_an_agreement_with_the_seller_is_for_its_pools_alone(cast: Cast) -> None:
    grant(agreement(cast, cast.other_seller), cast.buyer)
    with pytest.raises(NoAgreement):
        check(cast, cast.buyer)
    grant(agreement(cast, cast.seller), cast.buyer)
    check(cast, cast.buyer)


def test_authority_under_one_agreement_is_none_under_another(cast: Cast) -> None:
    grant(agreement(cast, cast.other_seller), cast.buyer, 1000)
    grant(agreement(cast, cast.seller), cast.buyer, 10)
    with pytest.raises(NoAuthority):
        check(cast, cast.buyer, 100)


def test_an_agreement_is_in_force_from_its_first_day_until_its_last(cast: Cast) -> None:
    grant(agreement(cast, until=date(2026, 12, 1)), cast.buyer)
    check(cast, cast.buyer, now=datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    for outside in (datetime(2026, 11, 1, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)):
        with pytest.raises(NoAgreement):
            check(cast, cast.buyer, now=outside)


def test_an_ended_agreement_binds_nobody_from_then_on(cast: Cast) -> None:
    found = agreement(cast)
    grant(found, cast.buyer)
    with pytest.raises(AgreementOver, match="today or later"):
        end_agreement(agreement=found, until=date(2026, 11, 23), reason="merger", by=SYSTEM, now=NOW)
    end_agreement(agreement=found, until=date(2026, 11, 25), reason="merger", by=SYSTEM, now=NOW)
    check(cast, cast.buyer)
    with pytest.raises(NoAgreement):
        check(cast, cast.buyer, now=NOW + timedelta(days=1))
    assert Entry.objects.get(verb="agreement.ended").reason == "merger"


def test_a_revoked_authority_is_none(cast: Cast) -> None:
    found = agreement(cast)
    authority = grant_authority(agreement=found, signatory=cast.buyer, limit=usd(100), by=SYSTEM, now=NOW)
    with pytest.raises(AlreadyGranted, match="revoke it first"):
        grant(found, cast.buyer, 200)
    revoke_authority(authority=authority, by=SYSTEM, now=NOW)
    with pytest.raises(NoAuthority):
        check(cast, cast.buyer)
    grant(found, cast.buyer, 200)
    check(cast, cast.buyer, 200)


def test_authority_is_for_members_and_keys_of_the_organisation(cast: Cast) -> None:
    found = agreement(cast)
    with pytest.raises(SignatoryUnknown, match="Choose a member"):
        grant(found, cast.stranger)
    revoke_api_key(key=cast.key, by=SYSTEM, now=NOW)
    with pytest.raises(SignatoryUnknown):
        grant(found, cast.key)


def test_staff_accept_for_a_customer_only_what_somebody_there_may_sign(cast: Cast) -> None:
    staff = Actor("sales@headroom.test", user_id=99, is_staff=True)
    found = agreement(cast)
    with pytest.raises(NoAuthority):
        check(cast, staff)
    grant(found, cast.approver, 50)
    check(cast, staff, 50)
    with pytest.raises(NoAuthority):
        check(cast, staff, 51)


def asked(cast: Cast, amount: int = 100, cost_centre: str | None = None, currency: str = "USD") -> Standing:
    total = type(usd(1))(usd(amount).amount, currency)
    by = cast.buyer.as_actor(cast.bank.pk)
    return standing(
        organisation_id=cast.bank.pk, by=by, seller_id=cast.seller.pk, amount=total, cost_centre=cost_centre, now=NOW
    )


def test_the_chain_of_the_highest_amount_below_the_total_applies(cast: Cast) -> None:
    steps = [Step(role=APPROVER)], [Step(role=APPROVER), Step(user_id=cast.approver.pk)]
    for above, wanted in zip((50, 1000), steps, strict=True):
        set_chain(organisation=cast.bank, above=usd(above), steps=wanted, by=SYSTEM, now=NOW)
    assert asked(cast, 50).steps == ()
    assert asked(cast, 51).steps == asked(cast, 1000).steps == tuple(steps[0])
    assert asked(cast, 1001).steps == tuple(steps[1])


def test_a_currency_without_a_chain_goes_the_way_of_the_highest(cast: Cast) -> None:
    for above, role in ((50, APPROVER), (1000, ADMIN)):
        set_chain(organisation=cast.bank, above=usd(above), steps=[Step(role=role)], by=SYSTEM, now=NOW)
    assert asked(cast, 1, currency="EUR").steps == (Step(role=ADMIN),)


def test_a_chain_replaces_the_one_of_its_amount_and_can_be_withdrawn(cast: Cast) -> None:
    for role in (APPROVER, ADMIN):
        chain = set_chain(organisation=cast.bank, above=usd(0), steps=[Step(role=role)], by=SYSTEM, now=NOW)
    assert asked(cast).steps == (Step(role=ADMIN),)
    withdraw_chain(chain=chain, by=SYSTEM, now=NOW)
    assert asked(cast).steps == ()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([], "1 to 10 steps"),
        ([Step()], "a role"),
        ([Step(role=BUYER)], "a role"),
        ([Step(role=ADMIN, user_id=1)], "a role"),
    ],
)
def test_a_chain_says_what_would_be_right(cast: Cast, steps: list[Step], said: str) -> None:
    with pytest.raises(ChainRefused, match=said):
        set_chain(organisation=cast.bank, above=usd(0), steps=steps, by=SYSTEM, now=NOW)


def test_a_person_in_a_chain_may_approve_and_takes_one_step(cast: Cast) -> None:
    for who in (cast.buyer, cast.stranger):
        with pytest.raises(ChainRefused, match="an approver or administrator"):
            set_chain(organisation=cast.bank, above=usd(0), steps=[Step(user_id=who.pk)], by=SYSTEM, now=NOW)
    with pytest.raises(ChainRefused, match="name each once"):
        set_chain(organisation=cast.bank, above=usd(0), steps=[Step(user_id=cast.approver.pk)] * 2, by=SYSTEM, now=NOW)


def test_a_purchase_names_a_cost_centre_where_the_organisation_keeps_any(cast: Cast) -> None:
    assert asked(cast).charged_to(None) is None
    with pytest.raises(CostCentreNeeded):
        asked(cast, cost_centre="cst_none").charged_to("cst_none")
    centre = open_cost_centre(organisation=cast.bank, code="1", name="Risk", period="year", by=SYSTEM, now=NOW)
    with pytest.raises(CostCentreNeeded, match="open cost centres"):
        asked(cast).charged_to(None)
    assert asked(cast, cost_centre=centre.public_id).charged_to(centre.public_id) == centre
    other = open_cost_centre(
        organisation=cast.bank, code="2", name="IT", period="year", by=SYSTEM, now=NOW, is_default=True
    )
    assert asked(cast).charged_to(None) == other


def test_a_strangers_cost_centre_is_like_none(cast: Cast) -> None:
    theirs = open_cost_centre(organisation=cast.seller, code="1", name="Risk", period="year", by=SYSTEM, now=NOW)
    with pytest.raises(CostCentreNeeded):
        asked(cast, cost_centre=theirs.public_id).charged_to(theirs.public_id)
