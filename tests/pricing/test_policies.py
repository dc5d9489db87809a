"""Price policies: previewed, published with notice where they raise prices, rolled back, never rewritten."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from marketplace.journal.actor import SYSTEM
from marketplace.models import Entry, User
from marketplace.parties.staff_roles import SALES, ensure_staff_groups
from marketplace.units import clock
from pricing.curve.actions import solve_prices
from pricing.curve.effect import effect, rises
from pricing.curve.models import RESERVE, PricePolicy, PriceVersion
from pricing.curve.policies import (
    NothingToRollBack,
    NoticeTooShort,
    PolicyRefused,
    publish_policy,
    roll_back_policy,
)
from pricing.quotes.actions import release_quote
from pricing.quotes.explain import explain_quote
from pricing.quotes.models import Quote
from pricing.quotes.repricing import reprice
from tests.cockpit import signed_in, staff
from tests.market import Market, Party
from tests.pricing.test_admin import policy_form
from tests.pricing.test_quotes import offer, take

pytestmark = pytest.mark.django_db
WHY = "the board asked for it"


def draft(**changed: Any) -> PricePolicy:
    return PricePolicy(**{"starts_at": clock.now() + timedelta(minutes=1), **changed})


def published(**changed: Any) -> PricePolicy:
    return publish_policy(policy=draft(**changed), by=SYSTEM, now=clock.now())


def refused(**changed: Any) -> dict[str, str]:
    before = PricePolicy.objects.count()
    with pytest.raises(PolicyRefused) as failure:
        published(**changed)
    assert PricePolicy.objects.count() == before
    return failure.value.faults


def resolved(party: Party) -> PriceVersion:
    """The seller's prices under the policy that is in force in a minute's time."""
    last = PriceVersion.objects.filter(seller=party.organisation).latest("pk")
    later = clock.now() + timedelta(minutes=2)
    policy = PricePolicy.objects.in_force(party.organisation, later)
    return solve_prices(
        seller=party.organisation, policy=policy, projection=last.projection, reason="policy", now=clock.now()
    )


def test_a_policy_that_raises_a_price_needs_the_notice_of_the_one_in_force(market: Market) -> None:
    said = refused(premium_firm=Decimal("0.10"), notice_days=0)["starts_at"]
    assert "Northfield H100 firm" in said
    assert "raises prices" in said
    after = clock.now() + timedelta(days=14, minutes=1)
    assert published(premium_firm=Decimal("0.10"), starts_at=after).version == 2


@pytest.mark.parametrize(
    "cheaper",
    [{"premium_firm": Decimal("0.05")}, {"cap_over_floor": Decimal("3")}, {"tenor": [[1, 100], [30, 800]]}, {}],
)
def test_one_that_lowers_prices_or_leaves_them_may_start_at_once(market: Market, cheaper: dict[str, Any]) -> None:
    assert published(**cheaper).version == 2


@pytest.mark.parametrize(
    ("dearer", "says"),
    [
        ({"tenor": []}, "tenor discount from 30"),
        ({"volume": [[200_000, 100], [1_000_000, 300]]}, "volume discount from 100,000"),
        ({"floor_markup": Decimal("0.01")}, "USD per GPU-hour"),
        ({"reserve_prices": {"h100": "9.50"}}, "USD per GPU-hour"),
    ],
)
def test_a_smaller_discount_or_a_higher_floor_raises_prices_too(
    market: Market, dearer: dict[str, Any], says: str
) -> None:
    with pytest.raises(NoticeTooShort, match=says):
        published(**dearer)


def test_notice_is_counted_against_what_would_be_in_force_at_the_start(market: Market) -> None:
    """A scheduled rise does not let a second policy bring the same rise in earlier."""
    with clock.frozen(clock.now()):
        published(premium_firm=Decimal("0.10"), starts_at=clock.now() + timedelta(days=15))
        with pytest.raises(NoticeTooShort):
            published(premium_firm=Decimal("0.10"))
        # After the rise has started, the same content is no rise.
        later = published(premium_firm=Decimal("0.10"), starts_at=clock.now() + timedelta(days=16))
    assert later.version == 3


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        ({"tenor": [[30, 200], [60, 100]]}, "tenor", "must not fall"),
        ({"tenor": [[30, 9_000]]}, "tenor", "between 0 and 25 %"),
        ({"most_discount": 1_000}, "most_discount", "up to 17 %"),
        ({"cap_over_floor": Decimal("1.01")}, "cap_over_floor", "above 1.08 floors"),
        ({"premium_firm": Decimal("-0.1")}, "premium_firm", "0 or more"),
        ({"reserve_prices": {"b300": "2"}}, "reserve_prices", "b300"),
        ({"reserve_prices": {"h100": "free"}}, "reserve_prices", "USD per GPU-hour"),
        ({"tape_step_gpus": 0}, "tape_step_gpus", "1 or more"),
    ],
)
def test_a_policy_that_makes_no_sense_says_what_would_be_right(
    market: Market, wrong: dict[str, Any], field: str, says: str
) -> None:
    assert says in refused(**wrong)[field]


def test_a_seller_cannot_change_the_tape_for_the_whole_market(market: Market) -> None:
    said = refused(seller=market.seller.organisation, tape_step_gpus=1)
    assert "leave this at 256" in said["tape_step_gpus"]
    assert published(seller=market.seller.organisation).tape_step_gpus == 256


def test_a_sellers_reserve_prices_are_for_its_own_pools(market: Market) -> None:
    seller = market.seller.organisation
    assert "reserve_prices" in refused(seller=seller, reserve_prices={market.gb200.public_id: "2"})
    after = clock.now() + timedelta(days=15)
    assert published(seller=seller, reserve_prices={market.h100.public_id: "2"}, starts_at=after)


@pytest.mark.parametrize(
    "columns",
    [{"tenor": [[30, 200], [60, 100]]}, {"volume": [[5, 5], [5, 6]]}, {"lead_time": [[1, 2_600]]},
     {"most_discount": 100}, {"prepayment": [[-1, 5]]}],
)  # fmt: skip
def test_the_database_itself_refuses_terms_that_reward_cutting(market: Market, columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        draft(version=9, **columns).save()


def test_a_reserve_price_is_one_line_in_place_of_energy_and_capital(market: Market) -> None:
    before = offer(market, market.bank)
    published(publishes=RESERVE)
    resolved(market.seller)
    hidden = offer(market, market.bank)
    assert [code for code, _ in hidden.breakdown][:2] == ["reserve", "firm_premium"]
    assert hidden.terms.total == before.terms.total
    cost = {code: amount.amount for code, amount in before.breakdown}
    assert dict(hidden.breakdown)["reserve"].amount == cost["energy"] + cost["capital"]


def test_a_set_reserve_price_is_the_floor_of_curve_cap_and_terms(market: Market) -> None:
    published(reserve_prices={"h100": "0.50"})
    resolved(market.seller)
    quote = take(market, market.bank, duration_days=300, firmness="standby", prepayment_percent=100)
    lines = {line["code"]: Decimal(line["amount"]["amount"]) for line in quote.breakdown}
    assert lines["reserve"] == Decimal("0.50") * 64 * 300 * 24
    assert quote.total == lines["reserve"]  # kept at the floor
    assert lines["term_floor"] > 0
    assert explain_quote(Quote.objects.with_terms().get(pk=quote.pk)).matches


def test_the_effect_is_what_a_solve_under_the_policy_does(market: Market) -> None:
    policy = draft(premium_firm=Decimal("0.02"), cap_over_floor=Decimal("3"))
    (h100, gb200) = effect(policy, now=clock.now())
    assert (h100.row.pool, gb200.row.pool) == (market.h100, market.gb200)
    assert list(rises(policy, now=clock.now())) == []
    assert np.nanmax(h100.after[0] - h100.before[0]) < 0
    assert (h100.after[2] == h100.before[2]).all()
    publish_policy(policy=policy, by=SYSTEM, now=clock.now())
    version = resolved(market.seller)
    firm = [each for each in version.curves.get(pool=market.h100).movements if each["firmness"] == "firm"]
    assert [each["cause"] for each in firm] == ["policy"]
    was, then = h100.mean("firm") or (0, 0)
    assert firm[0]["public"] == pytest.approx(then / was - 1, abs=1e-4)


def test_a_sellers_policy_touches_its_own_pools_alone(market: Market) -> None:
    found = effect(draft(seller=market.seller.organisation, premium_firm=0), now=clock.now())
    assert [each.row.pool for each in found] == [market.h100]


def test_quotes_are_repriced_to_what_they_would_have_been(market: Market) -> None:
    taken = [
        take(market, market.bank, quantity=512),
        take(market, market.bank, accelerators=["gb200"], quantity=144, duration_days=200, prepayment_percent=50),
        take(market, market.rival, firmness="standby", duration_days=7),
    ]
    same = reprice(draft(), now=clock.now())
    assert (same.count, same.dearer, same.cheaper) == (3, 0, 0)
    found = reprice(draft(tenor=[], premium_firm=Decimal("0.20")), now=clock.now())
    assert found.sums[0].amount == sum(quote.total for quote in taken)
    assert (found.dearer, found.cheaper) == (2, 0)
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert reprice(draft(), now=clock.now()).count == 0


def test_a_repriced_quote_costs_what_it_costs_when_the_policy_is_in_force(market: Market) -> None:
    first = take(market, market.bank, quantity=512, duration_days=200)
    policy = draft(tenor=[[1, 150], [90, 900]], premium_firm=Decimal("0.01"), volume=[[1_000, 300]])
    (then,) = reprice(policy, now=clock.now()).after.tolist()
    publish_policy(policy=policy, by=SYSTEM, now=clock.now())
    resolved(market.seller)
    by_hand = take(market, market.rival, quantity=512, duration_days=200, start=given_back(first))
    assert int(by_hand.total.scaleb(2)) == then


def given_back(quote: Quote) -> dict[str, str]:
    """The quote's own start, its capacity on sale again."""
    release_quote(public_id=quote.public_id, by=SYSTEM, organisation_id=quote.organisation_id)
    return {"from": str(quote.start), "to": str(quote.start)}


def test_going_back_publishes_the_version_before_as_the_next(market: Market) -> None:
    now = clock.now()
    published(cap_over_floor=Decimal("3"), starts_at=now + timedelta(minutes=1), tenor=[[30, 900]])
    with clock.frozen(now + timedelta(hours=1)):
        made = roll_back_policy(seller=None, reason=WHY, by=SYSTEM, now=clock.now())
    first = PricePolicy.objects.get(version=1)
    assert (made.version, made.cap_over_floor, made.tenor) == (3, first.cap_over_floor, first.tenor)
    assert made.reason == f"back to version 1 from 2: {WHY}"
    # Going back takes a discount away, so it waits for the notice like any other rise.
    assert made.starts_at == now + timedelta(hours=1, days=14)
    assert Entry.objects.filter(verb="price_policy.published").latest("pk").reason == made.reason


def test_going_back_to_cheaper_prices_happens_at_once(market: Market) -> None:
    now = clock.now()
    published(premium_firm=Decimal("0.10"), starts_at=now + timedelta(days=14, minutes=1))
    with clock.frozen(now + timedelta(days=15)):
        made = roll_back_policy(seller=None, reason=WHY, by=SYSTEM, now=clock.now())
    assert (made.starts_at, made.premium_firm) == (now + timedelta(days=15), Decimal("0.08"))


@pytest.mark.parametrize(("reason", "failure"), [("", PolicyRefused), (WHY, NothingToRollBack)])
def test_going_back_needs_a_reason_and_somewhere_to_go(market: Market, reason: str, failure: type[Exception]) -> None:
    with pytest.raises(failure):
        roll_back_policy(seller=None, reason=reason, by=SYSTEM, now=clock.now())
    assert PricePolicy.objects.count() == 1


@pytest.fixture
def root(market: Market) -> Any:
    return signed_in(User.objects.create_superuser("root@headroom.test", "a demo of capacity", name="Root"))


def add_page() -> str:
    return reverse("admin:pricing_pricepolicy_add")


def test_saving_shows_what_it_would_do_and_publishes_nothing(market: Market, root: Any) -> None:
    take(market, market.bank, quantity=512)
    form = policy_form(root, PricePolicy.objects.get(), premium_firm="0.02", tenor="10: 2 %, 90: 8.5 %")
    del form["_publish"]
    shown = root.post(add_page(), form)
    page = shown.content.decode()
    assert PricePolicy.objects.count() == 1
    assert "Nothing is published yet" in page
    assert shown.context["quotes"].cheaper == 1
    assert [row["pool"] for row in shown.context["rows"]] == [market.h100, market.gb200]
    assert "<svg" in page
    # What the page would send is what was typed.
    sent = dict(shown.context["kept"]) | {"_publish": "1"}
    assert root.post(add_page(), sent).status_code == 302
    new = PricePolicy.objects.get(version=2)
    assert (new.premium_firm, new.tenor) == (Decimal("0.0200"), [[10, 200], [90, 850]])


def test_a_draft_that_cannot_be_published_says_so_beside_the_field(market: Market, root: Any) -> None:
    form = policy_form(root, PricePolicy.objects.get(), tenor="90: 3 %, 30: 1 %", reserve_prices="h100 2.10")
    errors = root.post(add_page(), form).context["adminform"].form.errors
    assert "must rise" not in str(errors)  # what is no text of prices is said first
    assert "Write prices such as" in str(errors["reserve_prices"])
    form = policy_form(root, PricePolicy.objects.get(), tenor="90: 3 %, 30: 1 %")
    errors = root.post(add_page(), form).context["adminform"].form.errors
    assert "must rise from step to step" in str(errors["tenor"])
    form = policy_form(root, PricePolicy.objects.get(), premium_firm="0.2")
    errors = root.post(add_page(), form).context["adminform"].form.errors
    assert "raises prices" in str(errors["starts_at"])
    assert PricePolicy.objects.count() == 1


def test_a_published_policy_reads_its_schedules_in_words_and_goes_back(market: Market, root: Any) -> None:
    with clock.frozen(clock.now()):
        published(premium_firm=Decimal("0.02"), starts_at=clock.now())
    newest = PricePolicy.objects.get(version=2)
    page = root.get(reverse("admin:pricing_pricepolicy_change", args=[newest.pk])).content.decode()
    assert "1 % from 30, 3 % from 90" in page
    address = reverse("admin:pricing_pricepolicy_roll_back", args=[newest.pk])
    assert "Nothing is published yet" in root.post(address, {"reason": WHY}).content.decode()
    assert PricePolicy.objects.count() == 2
    root.post(address, {"reason": WHY, "_publish": "1"})
    assert PricePolicy.objects.get(version=3).premium_firm == Decimal("0.08")


def test_nobody_but_who_may_publish_sees_a_preview_or_goes_back(market: Market) -> None:
    sales = signed_in(staff("sales", ensure_staff_groups()[SALES]))
    policy = PricePolicy.objects.get()
    assert sales.post(add_page(), {"premium_firm": "0"}).status_code == 403
    address = reverse("admin:pricing_pricepolicy_roll_back", args=[policy.pk])
    assert sales.post(address, {"reason": WHY, "_publish": "1"}).status_code == 403
    assert PricePolicy.objects.count() == 1
