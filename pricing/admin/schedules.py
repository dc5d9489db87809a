"""Schedules and reserve prices as staff type them: `30: 1 %, 90: 3 %` and `h100: 2.10`."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

STEP = re.compile(r"(\d{1,12})\s*:\s*(\d{1,2}(?:\.\d{1,2})?)\s*%?")
PRICE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(\d{1,3}(?:\.\d{1,6})?)")


class ScheduleField(forms.Field):
    """Steps of a schedule, as text; empty is no discount."""

    def __init__(self, label: str, unit: str) -> None:
        help_text = f"From so many {unit}: so many percent off, such as 30: 1 %, 90: 3 %. Empty: none."
        super().__init__(required=False, label=label, help_text=help_text, widget=UnfoldAdminTextInputWidget)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return ", ".join(f"{start}: {_percent(rate)}" for start, rate in value)

    def to_python(self, value: Any) -> list[list[int]]:
        parts = [part for part in (text.strip() for text in str(value or "").split(",")) if part]
        found = [STEP.fullmatch(part) for part in parts]
        if not all(found):
            wrong = parts[found.index(None)]
            raise forms.ValidationError(f"“{wrong}” is no step. Write steps such as 30: 1 %, 90: 3 %.")
        return [[int(step[1]), int(Decimal(step[2]).scaleb(2))] for step in found if step]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial) != data


class ReserveField(forms.Field):
    """Reserve prices by accelerator or pool, as text."""

    def __init__(self) -> None:
        help_text = "USD per GPU-hour in place of the floor, by accelerator or pool id: h100: 2.10, pol_…: 1.95"
        super().__init__(required=False, label="Reserve prices", help_text=help_text, widget=UnfoldAdminTextInputWidget)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(f"{name}: {price}" for name, price in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, str]:
        parts = [part for part in (text.strip() for text in str(value or "").split(",")) if part]
        found = [PRICE.fullmatch(part) for part in parts]
        if not all(found):
            wrong = parts[found.index(None)]
            raise forms.ValidationError(f"“{wrong}” is no price. Write prices such as h100: 2.10, gb200: 3.80.")
        return {price[1]: price[2] for price in found if price}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial) != data


def schedule_text(steps: list[list[int]], unit: str) -> str:
    """A published schedule in words."""
    if not steps:
        return "none"
    return ", ".join(f"{_percent(rate)} from {start:,}" for start, rate in steps) + f" {unit}"


def _percent(rate: int) -> str:
    return f"{Decimal(rate) / 100:f} %"
