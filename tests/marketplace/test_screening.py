"""Screening: two persons clear, the first rule that fits decides, default deny, and nobody hears why."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.models import Pool
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.journal.models import Entry
from marketplace.parties.models import Organisation
from marketplace.screening import actions
from marketplace.screening.matrix import ANY, END_USES, Deal, Rule, RuleRefused, is_allowed, parsed, written
from marketplace.screening.models import Clearance, ClearanceProposal, EndCustomer, ScreeningPolicy
from marketplace.screening.queries import EndCustomerUnknown, Party, ScreeningRequired, check_cleared, clear
from tests.market import pool as a_pool

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
UNTIL = date(2027, 5, 1)
ANNA = Actor("anna@headroom.test", user_id=1, is_staff=True)
BELA = Actor("bela@headroom.test", user_id=2, is_staff=True)
REASON = "Checked against the register"
ALL = "* * * * * allow"


def test_the_first_rule_that_fits_decides() -> None:
    rules = parsed("b200 * CN * * deny  # no exceptions\n* * * * defence deny\n* DE * * * allow\n")
    deal = Deal("h100", "DE", "CN", "CN", "commercial")
    assert is_allowed(rules, deal)
    assert not is_allowed(rules, Deal("b200", "DE", "CN", "CN", "commercial"))
    assert not is_allowed(rules, Deal("h100", "DE", "DE", "DE", "defence"))
    assert not is_allowed(rules, Deal("h100", "US", "DE", "DE", "commercial"))
    assert not is_allowed((), deal)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("* * * * allow", "Line 1 has 5 columns"),
        ("H100! * * * * allow", "an accelerator is a key"),
        ("* Germany * * * allow", "two capital letters such as DE, or .*not Germany"),
        ("* * * * mining allow", "an end use is one of"),
        ("* * * * * maybe", "ends with allow or deny"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(line: str, said: str) -> None:
    with pytest.raises(RuleRefused, match=said):
        parsed(line)


COUNTRIES = st.sampled_from(["DE", "US", "CN", "NO"])
KEYS = st.sampled_from(["h100", "b200"])
RULES = st.lists(
    st.builds(
        Rule,
        accelerator=KEYS | st.just(ANY),
        site_country=COUNTRIES | st.just(ANY),
        country=COUNTRIES | st.just(ANY),
        parent_country=COUNTRIES | st.just(ANY),
        end_use=st.sampled_from([*END_USES, ANY]),
        verdict=st.sampled_from(["allow", "deny"]),
    ),
    max_size=8,
)
DEALS = st.builds(Deal, KEYS, COUNTRIES, COUNTRIES, COUNTRIES, st.sampled_from(END_USES))


@given(RULES, DEALS)
def test_a_table_read_back_says_the_same_and_a_last_denial_changes_nothing(rules: list[Rule], deal: Deal) -> None:
    assert list(parsed(written(rules))) == rules
    denied = [*rules, Rule(ANY, ANY, ANY, ANY, ANY, "deny")]
    assert is_allowed(denied, deal) == is_allowed(rules, deal)
    if rules and rules[0].fits(deal):
        assert is_allowed(rules, deal) == (rules[0].verdict == "allow")


@pytest.fixture
def bank(db: None) -> Organisation:
    return Organisation.objects.create(name="First Bank", legal_name="First Bank AG", country="DE")


@pytest.fixture
def pool(db: None) -> Pool:
    seller = Organisation.objects.create(name="Northwind", legal_name="Northwind AG", country="DE")
    return a_pool(seller, "h100", "Northfield", "DE", lot=8)


def publish(table: str = ALL, *, is_on: bool = True) -> None:
    policy = ScreeningPolicy(starts_at=NOW, reason="tests", is_on=is_on)
    actions.publish_policy(policy=policy, table=table, by=ANNA, now=NOW)


def propose(bank: Organisation, customer: EndCustomer | None = None, **changed: Any) -> ClearanceProposal:
    asked: dict[str, Any] = {"cleared_until": UNTIL, "end_use": "commercial", "reason": REASON, "by": ANNA, "now": NOW}
    asked |= changed
    return actions.propose_clearance(organisation=bank, end_customer=customer, **asked)


def cleared(bank: Organisation, customer: EndCustomer | None = None, **changed: object) -> None:
    proposal = propose(bank, customer, **changed)
    actions.decide_clearance(proposal_id=proposal.pk, confirm=True, by=BELA, now=NOW)


def a_customer(bank: Organisation, country: str = "NO", **more: str) -> EndCustomer:
    return actions.register_end_customer(
        organisation=bank, name="Fjord AS", country=country, by=SYSTEM, now=NOW, **more
    )


def is_clear(bank: Organisation, pool: Pool, customer: EndCustomer | None = None, now: datetime = NOW) -> bool:
    whose = customer.pk if customer else None
    try:
        check_cleared(organisation_id=bank.pk, pool_id=pool.pk, end_customer_id=whose, now=now)
    except ScreeningRequired:
        return False
    return True


def test_until_a_policy_is_published_and_switched_on_nothing_is_screened(bank: Organisation, pool: Pool) -> None:
    assert is_clear(bank, pool)
    publish(is_on=False)
    assert is_clear(bank, pool)
    publish()
    assert not is_clear(bank, pool)


def test_two_persons_clear_until_a_day(bank: Organisation, pool: Pool) -> None:
    publish()
    proposal = propose(bank)
    assert not is_clear(bank, pool)
    with pytest.raises(actions.SecondPersonNeeded):
        actions.decide_clearance(proposal_id=proposal.pk, confirm=True, by=ANNA, now=NOW)
    assert not is_clear(bank, pool)
    actions.decide_clearance(proposal_id=proposal.pk, confirm=True, by=BELA, now=NOW)
    assert is_clear(bank, pool)
    assert is_clear(bank, pool, now=datetime(2027, 4, 30, 23, tzinfo=UTC))
    assert not is_clear(bank, pool, now=datetime(2027, 5, 1, tzinfo=UTC))
    assert Clearance.objects.get().state(date(2027, 5, 1)) == "pending"
    verbs = list(Entry.objects.filter(subject=bank.public_id).order_by("pk").values_list("verb", "actor"))
    assert verbs == [("clearance.proposed", ANNA.label), ("clearance.confirmed", BELA.label)]


def test_a_rejected_request_clears_nobody(bank: Organisation, pool: Pool) -> None:
    publish()
    proposal = propose(bank)
    actions.decide_clearance(proposal_id=proposal.pk, confirm=False, by=BELA, now=NOW)
    assert not is_clear(bank, pool)
    with pytest.raises(actions.ClearanceRefused, match="decided already"):
        actions.decide_clearance(proposal_id=proposal.pk, confirm=True, by=BELA, now=NOW)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": "ok"}, "Say why"),
        ({"cleared_until": NOW.date()}, "366 days at most"),
        ({"cleared_until": NOW.date() + timedelta(days=400)}, "366 days at most"),
        ({"end_use": "mining"}, "An end use is one of"),
        ({"by": Actor("buyer@first.example", user_id=3)}, "staff clear"),
    ],
)
def test_a_clearance_says_what_would_be_right(bank: Organisation, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(actions.ClearanceRefused, match=said):
        propose(bank, **changed)
    assert not ClearanceProposal.objects.exists()


def test_one_person_blocks_at_once(bank: Organisation, pool: Pool) -> None:
    publish()
    cleared(bank)
    actions.block(organisation=bank, end_customer=None, reason="A news report, to be checked", by=ANNA, now=NOW)
    assert not is_clear(bank, pool)


def test_an_end_customer_is_screened_beside_its_reseller(bank: Organisation, pool: Pool) -> None:
    publish()
    customer = a_customer(bank)
    cleared(bank)
    assert is_clear(bank, pool)
    assert not is_clear(bank, pool, customer)
    cleared(bank, customer)
    assert is_clear(bank, pool, customer)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("* * NO * * deny\n" + ALL, False),
        ("* * * CN * deny\n" + ALL, False),
        ("* * NO US * deny\n" + ALL, True),
        ("h100 DE * * research allow", False),
        ("h100 DE * * commercial allow", True),
        ("b200 * * * * allow", False),
        ("* US * * * allow", False),
    ],
)
def test_each_column_of_the_table_binds_for_each_party(
    bank: Organisation, pool: Pool, table: str, expected: bool
) -> None:
    publish(table)
    customer = a_customer(bank, ultimate_parent="Holding", ultimate_parent_country="CN")
    cleared(bank)
    cleared(bank, customer)
    assert is_clear(bank, pool, customer) == expected


def test_a_listed_name_is_met_however_it_is_written_and_clear_again_when_taken_off(
    bank: Organisation, pool: Pool
) -> None:
    publish()
    customer = a_customer(bank, ultimate_parent="Kessel-Werke (Invented), Ltd.", ultimate_parent_country="AT")
    cleared(bank)
    cleared(bank, customer)
    listed = actions.list_name(name="KESSEL WERKE INVENTED LTD", source="our own list", by=ANNA, now=NOW)
    assert is_clear(bank, pool)
    assert not is_clear(bank, pool, customer)
    actions.take_off_the_list(listed=listed, reason="Another company of that name", by=ANNA, now=NOW)
    assert is_clear(bank, pool, customer)


def test_every_cause_reads_the_same(bank: Organisation, pool: Pool) -> None:
    publish("* * NO * * deny\n" + ALL)
    said = set()
    for prepare in (
        lambda: None,  # pending
        lambda: cleared(bank),  # cleared, for a customer whom the rules deny
        lambda: actions.block(organisation=bank, end_customer=None, reason=REASON, by=ANNA, now=NOW),
    ):
        prepare()
        whose = EndCustomer.objects.first() or a_customer(bank)
        with pytest.raises(ScreeningRequired) as caught:
            check_cleared(organisation_id=bank.pk, pool_id=pool.pk, end_customer_id=whose.pk, now=NOW)
        said.add((str(caught.value), *map(str, vars(caught.value).items())))
    assert len(said) == 1


def test_many_deals_are_looked_at_in_one_query(
    bank: Organisation, pool: Pool, django_assert_num_queries: object
) -> None:
    publish()
    cleared(bank)
    customer = a_customer(bank)
    deals = [Party(bank.pk, pool.pk), Party(bank.pk, pool.pk, customer.pk), Party(pool.seller_id, pool.pk)]
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert clear(deals, now=NOW) == [True, False, False]


def test_a_strangers_end_customer_is_like_none(bank: Organisation, pool: Pool) -> None:
    theirs = actions.register_end_customer(organisation=pool.seller, name="Fjord AS", country="NO", by=SYSTEM, now=NOW)
    for public_id in (theirs.public_id, "ecu_none"):
        with pytest.raises(EndCustomerUnknown):
            actions.end_customer_of(organisation_id=bank.pk, public_id=public_id)


def test_an_end_customer_says_what_would_be_right(bank: Organisation) -> None:
    a_customer(bank)
    with pytest.raises(actions.EndCustomerRefused) as caught:
        a_customer(bank, country="NO", end_use="mining", ultimate_parent_country="Norway")
    assert set(caught.value.faults) == {"name", "end_use", "ultimate_parent_country"}
    assert EndCustomer.objects.count() == 1
