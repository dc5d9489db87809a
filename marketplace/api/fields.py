"""How values look over REST: ids, money, unit prices, and the fields that every stored object has."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.units.firmness import FIRMNESS


class MoneyShape(serializers.Serializer[Any]):
    amount = serializers.CharField(help_text="Decimal string such as 1234.50")
    currency = serializers.CharField(help_text="ISO 4217")


@extend_schema_field(MoneyShape)
class MoneyField(serializers.Field[Any, Any, Any, Any]):
    """`{"amount": "1234.50", "currency": "USD"}`."""

    def to_representation(self, value: Any) -> dict[str, str]:
        found: dict[str, str] = value.as_json()
        return found


@extend_schema_field({"type": "string", "example": "2.4131"})
class UnitPriceField(serializers.Field[Any, Any, Any, Any]):
    """Per GPU-hour, a decimal string with four decimals, derived from the total."""

    def to_representation(self, value: Decimal) -> str:
        return f"{value:.4f}"


@extend_schema_field({"type": "string"})
class ObjectField(serializers.ReadOnlyField):
    """The kind of the object, always the same word."""

    def __init__(self, name: str) -> None:
        super().__init__(default=name)
        self.name = name

    def get_attribute(self, instance: Any) -> str:
        return self.name


def public_id(source: str = "public_id", **options: Any) -> serializers.CharField:
    """The id that the world sees."""
    return serializers.CharField(source=source, read_only=True, **options)


def firmness_choice(**options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=FIRMNESS, **options)
