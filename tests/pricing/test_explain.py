"""Any past price, computed again to the cent from what is stored."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.models import User
from marketplace.units import clock
from pricing.curve.models import PricePolicy
from pricing.quotes.explain import explain_quote
from pricing.quotes.models import Quote
from tests.cockpit import signed_in
from tests.market import Market
from tests.pricing.test_continuity import forecast, solve
from tests.pricing.test_quotes import ask, quote_of, take

pytestmark = pytest.mark.django_db
CENT = Decimal("0.01")


wishes = st.fixed_dictionaries(
    {
        "quantity": st.sampled_from([8, 64, 200, 777]),
        "duration_days": st.integers(1, 120),
        "firmness": st.sampled_from(["firm", "standard", "standby"]),
        "prepayment_percent": st.integers(0, 100),
        "accelerators": st.sampled_from([["h100"], ["gb200"]]),
    }
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(wishes, min_size=1, max_size=4), st.floats(0, 2), st.integers(1, 250))
def test_random_quotes_recompute_to_exactly_what_they_say(
    market: Market, asked: list[dict[str, Any]], dual: float, start: int
) -> None:
    window = {"from": str(market.day(start)), "to": str(market.day(start + 3))}
    solve(market, duals=forecast(market, f"frc {dual} {start}", dual))
    for wish in asked:
        found = ask(market, market.bank, **wish, start=window)
        if found.offers:
            quote = quote_of(market.bank, found.offers[-1])
            again = explain_quote(Quote.objects.with_terms().get(pk=quote.pk))
            assert again.differences == ()
            assert again.price.total == quote.money


def test_later_prices_policies_and_sales_change_nothing_about_a_past_price(market: Market) -> None:
    quote = take(market, market.bank, prepayment_percent=50)
    take(market, market.rival, quantity=1024)
    later = PricePolicy.objects.create(
        version=2, starts_at=clock.now(), tenor=[], published_by="tests", cap_over_floor=9
    )
    solve(market, policy=later)
    assert explain_quote(Quote.objects.with_terms().get(pk=quote.pk)).matches


def explained(quote: Quote) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("explain_price", quote.public_id, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_tells_every_step(market: Market) -> None:
    quote = take(market, market.bank, prepayment_percent=50)
    out, err = explained(quote)
    assert err == ""
    for said in ("p(x) = base", "energy 0.090000 + capital 1.200000", "50 % paid up front", "Sum of all 30 days"):
        assert said in out
    assert f"stored: {quote.total:,.2f}" in out
    assert "to the cent" in out


def test_the_command_is_loud_where_the_quote_says_otherwise(market: Market) -> None:
    quote = take(market, market.bank)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE pricing_quote DISABLE TRIGGER a_quote_is_kept")
        cursor.execute("UPDATE pricing_quote SET total = total + 0.01")
        cursor.execute("ALTER TABLE pricing_quote ENABLE TRIGGER a_quote_is_kept")
    err = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("explain_price", quote.public_id, stdout=StringIO(), stderr=err)
    assert ended.value.code == 1
    assert f"DIFFERS: total: stored {quote.total + Decimal('0.01')}" in err.getvalue()


def test_the_command_names_what_it_wants(market: Market) -> None:
    with pytest.raises(CommandError, match="qte_"):
        call_command("explain_price", "qte_none")


def test_the_admin_computes_a_quotes_price_again(market: Market) -> None:
    quote = take(market, market.bank)
    root = signed_in(User.objects.create_superuser("root@headroom.test", "a demo of capacity", name="Root"))
    page = root.get(reverse("admin:pricing_quote_change", args=[quote.pk])).content.decode()
    assert "the same, to the cent" in page
