"""Formats and small pieces for templates: `{% load headroom %}`."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from marketplace.units import firmness as classes
from marketplace.units.money import Money, usd_from_cents
from marketplace.web import formats
from marketplace.web.charts.table import Table

register = template.Library()

FIRMNESS_NAMES = dict(classes.CHOICES)
PILL_SHAPES = {"good": "disc", "warn": "square", "bad": "triangle"}


def _amount(value: Money | Decimal | float) -> tuple[Decimal | float, str]:
    return (value.amount, value.currency) if isinstance(value, Money) else (value, "USD")


@register.filter
def money(value: Money | Decimal | float) -> str:
    """`$2,634,508.80` for a total, `$3.63` for a price per GPU-hour."""
    return formats.money(*_amount(value))


@register.filter
def from_cents(cents: int) -> str:
    """Whole US cents as money."""
    return formats.money(usd_from_cents(cents).amount)


@register.filter
def compact_money(value: Money | Decimal | float) -> str:
    """`$2.63M`, where amounts are compared and do not bind."""
    return formats.compact_money(*_amount(value))


@register.filter
def four_decimals(value: Decimal | float) -> str:
    """`0.4800`: the lines of a breakdown."""
    return formats.signed(f"{value:,.4f}")


@register.filter
def four_places(value: Decimal) -> str:
    """`2.4131`, as over REST: for a value attribute."""
    return f"{value:.4f}"


register.filter("energy", formats.energy)
register.filter("carbon", formats.carbon)
register.filter("efficiency", formats.efficiency)
register.filter("count", formats.count)
register.filter("compact_count", formats.compact_count)
register.filter("percent", formats.percent)
register.filter("tenths_of_percent", lambda fraction: formats.percent(fraction, digits=1))
register.filter("change", formats.change)
register.filter("odds", formats.odds)
register.filter("promise", formats.promise)
register.filter("accelerator", formats.accelerator)
register.filter("short_id", formats.short_id)


@register.filter
def day(value: date) -> SafeString:
    """A date in `<time>`: `24 Mar 2027`."""
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.day(value))


@register.filter
def iso_day(value: str) -> SafeString:
    """A day that was stored as text, such as 2027-03-24."""
    return day(date.fromisoformat(value))


@register.filter
def day_or_never(value: date) -> SafeString | str:
    """A date, or a word for one that no scenario knows."""
    return "no date known" if value == date.max else day(value)


@register.filter
def moved(days: int | None) -> str:
    """`+12 d`, `0`; a dash where there is nothing to compare."""
    return "–" if days is None else formats.signed(f"{days:+,d} d") if days else "0"


@register.filter
def more_or_less(gpus: int) -> str:
    """`+1,024`, `−512`."""
    return formats.signed(f"{gpus:+,d}")


@register.filter
def moment(value: datetime) -> SafeString:
    """A time in `<time>`: `23 Nov 2026, 14:35 UTC`."""
    utc = value.astimezone(UTC)
    return format_html('<time datetime="{}">{}</time>', f"{utc:%Y-%m-%dT%H:%M:%SZ}", formats.moment(utc))


@register.simple_tag
def period(start: date, end: date) -> SafeString:
    """`27 Mar – 26 Apr 2027`, both dates in `<time>`; the end is exclusive, say so where it binds."""
    first, last = formats.day(start, year=start.year != end.year), formats.day(end)
    return format_html(
        '<time datetime="{}">{}</time> – <time datetime="{}">{}</time>', start.isoformat(), first, end.isoformat(), last
    )


@register.filter
def cell(value: Any) -> Any:
    """A cell of a chart's table: dates in `<time>`, all else as it is."""
    return day(value) if isinstance(value, date) else value


@register.inclusion_tag("partials/firmness.html")
def firmness(key: str) -> dict[str, Any]:
    """The class in words, with three, two or one bars."""
    bars = len(classes.FIRMNESS) - classes.rank(key)
    return {"name": FIRMNESS_NAMES[key], "bars": [index < bars for index in range(len(classes.FIRMNESS))]}


@register.inclusion_tag("partials/pill.html")
def pill(text: str, tone: str = "") -> dict[str, Any]:
    """A state: a word and a shape. Tone is good, warn, bad, info or nothing."""
    return {"text": text, "tone": tone, "shape": PILL_SHAPES.get(tone, "")}


@register.inclusion_tag("partials/demo.html", takes_context=True)
def demo_mark(context: dict[str, Any]) -> dict[str, Any]:
    """Stands beside every figure that is invented or assumed."""
    return {"figures": str(context.get("figures", "demo"))}


@register.inclusion_tag("partials/data_table.html")
def data_table(table: Table) -> dict[str, Any]:
    """The numbers behind a chart, folded away under it."""
    return {"table": table}


register.filter("spec_name", formats.spec_name)


@register.filter
def spec_value(value: Any) -> str:
    """A value of a service spec in words: lists joined, yes and no, numbers with separators."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(spec_value(item) for item in value) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{formats.spec_name(key)}: {spec_value(item)}" for key, item in value.items())
    return formats.signed(f"{value:,}") if isinstance(value, int | float) else str(value)


@register.inclusion_tag("partials/field.html")
def field(bound: Any, affix: str = "", hint: str = "") -> dict[str, Any]:
    """A form's field: label, control, hint and what is wrong, each tied to the control."""
    ids = [f"{bound.auto_id}-hint"] if hint or bound.help_text else []
    group = bound.field.widget.use_fieldset  # several boxes under one legend
    attributes = {} if group or bound.widget_type == "checkbox" else {"class": "input"}
    if bound.errors:
        ids.append(f"{bound.auto_id}-error")
        attributes["aria-invalid"] = "true"
    if ids:
        attributes["aria-describedby"] = " ".join(ids)
    control = bound.as_widget(attrs=attributes)
    return {"field": bound, "control": control, "affix": affix, "hint": hint or bound.help_text, "group": group}
