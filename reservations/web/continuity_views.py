"""An answer of the continuity planner as pages show it: the same whether it was just worked out or kept."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from marketplace.units.money import Money
from marketplace.web import formats
from marketplace.web.charts.coverage import Stairs, coverage_chart, coverage_table
from pricing.quotes.asked_together import BundleNeed
from pricing.quotes.need import Need, parse_stored
from pricing.web.bundles import href_of
from pricing.web.more_wishes import query_of
from reservations.continuity.asked import CLOSURE, GROWTH, OUTAGE

WORDS = {
    "reservations_touched": "Reservations touched",
    "lost_gpu_days": "GPU-days lost",
    "lost_h100_days": "H100-equivalent days lost",
    "worst_share_lost": "Most lost on one day",
    "worst_day": "First day with most lost",
    "days_late": "Late by",
    "added_gpu_days": "GPU-days added",
    "now_total": "Bought now, those that fit",
    "forward_total": "The same by the forward curve",
    "blocks_that_fit": "Added blocks that fit now",
    "blocks_refused": "Added blocks that do not",
    "least_delivery_confidence": "Least sure of them",
    "with_an_alternative": "With an alternative",
    "alternatives_total": "The first alternative of each",
    "most_days_later": "Longest gap",
}
NAMES = {
    OUTAGE: ("Held", "Still there"),
    GROWTH: ("Held", "Needed"),
    CLOSURE: ("Held", "Still there"),
}
WHOLE = "h100_equivalents"
DATES = ("start", "end_exclusive", "from", "until", "lost_from", "valid_until")
SHOWN = {  # the figures that a page is judged by; all of them are in the comparison and the file
    OUTAGE: ("reservations_touched", "lost_gpu_days", "worst_share_lost", "days_late"),
    GROWTH: ("now_total", "forward_total", "added_gpu_days", "least_delivery_confidence"),
    CLOSURE: ("with_an_alternative", "alternatives_total", "most_days_later", "least_delivery_confidence"),
}


def view_of(question: str, document: dict[str, Any]) -> dict[str, Any]:
    """The document with its dates and amounts as values, its pictures drawn, and links that ask for what it names."""
    shown = _typed(document)
    shown["is_late"] = any(row.get("effect") == "late" for row in document.get("reservations", ()))
    figures = {each["code"]: each for each in document["headline"]}
    return {
        "question": question,
        "answer": shown,
        "stats": [(WORDS[code], said(figures[code])) for code in SHOWN[question] if code in figures],
        "pictures": list(_pictures(question, document)),
        "bundle_href": _bundle_href(document.get("bundle")),
        "bundle_back": _bundle_href(document.get("bundle")).partition("?")[2],
    }


def said(each: dict[str, Any]) -> str:
    """One figure in words."""
    value, unit = each["value"], each["unit"]
    if value is None:
        return "–"
    if unit == "USD":
        return formats.compact_money(Decimal(value))
    if unit == "share":
        share = float(value)
        return formats.promise(share) if each["code"] == "least_delivery_confidence" else formats.percent(share)
    if unit == "date":
        return formats.day(date.fromisoformat(value))
    if unit == "days":
        return f"{formats.count(value)} day{'s' if value != 1 else ''}"
    return formats.count(value)


def _pictures(question: str, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The whole first, then each accelerator where there are several."""
    found = document["steps"]
    shown = found if len(found) != 2 else found[:1] if found[0]["before"] == found[1]["before"] else found
    for each in shown:
        name = "H100 equivalents" if each["name"] == WHOLE else formats.accelerator(each["name"])
        stairs = Stairs(
            [date.fromisoformat(day) for day in each["dates"]],
            date.fromisoformat(each["end_exclusive"]),
            each["before"],
            each["after"],
            NAMES[question],
        )
        title = f"{NAMES[question][0]} and {NAMES[question][1].lower()} by day, {name}"
        yield {
            "name": name,
            "is_whole": each["name"] == WHOLE,
            "chart": coverage_chart(stairs, title=title, is_half=each["name"] != WHOLE),
            "table": coverage_table(stairs, caption=f"{NAMES[question][1].lower()} by day, {name}"),
        }


def _bundle_href(bundle: dict[str, Any] | None) -> str:
    if not bundle:
        return ""
    return href_of(BundleNeed(tuple(parse_stored(part) for part in bundle["parts"])))


def _ask_href(need: dict[str, Any]) -> str:
    """The page that asks for a need, or for a bundle of them."""
    if "parts" in need:
        return href_of(BundleNeed(tuple(parse_stored(part) for part in need["parts"])))
    return f"{reverse('capacity')}?{_query(parse_stored(need))}"


def _query(need: Need) -> str:
    given = {
        name: value for name, value in query_of(need).items() if value not in ("", None, []) and value is not False
    }
    return urlencode(given, doseq=True)


def _typed(value: Any, name: str = "") -> Any:
    """Dates and amounts as values, and beside each need the address that asks for it."""
    if isinstance(value, list):
        return [_typed(each) for each in value]
    if isinstance(value, dict):
        if value.keys() == {"amount", "currency"}:
            return Money.from_json(value)
        typed = {key: _typed(each, key) if key not in ("need", "parts") else each for key, each in value.items()}
        if isinstance(value.get("need"), dict):
            typed["href"] = _ask_href(value["need"])
            typed["back"] = typed["href"].partition("?")[2]
        if "comparison" in value:
            typed["worse"] = [field["field"] for field in value["comparison"] if field["verdict"] == "worse"]
        if "parts" in value and "total" in value:
            typed["parts"] = [_typed(part) for part in value["parts"]]
        return typed
    if name in DATES and isinstance(value, str) and len(value) == len("2027-02-01"):
        return date.fromisoformat(value)
    if name in ("unit_price", "delivery_confidence") and isinstance(value, str):
        return Decimal(value)
    return value
