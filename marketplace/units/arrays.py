"""Arrays of plain numbers in the database: a row holds a curve over thousands of days."""

from typing import Any

from django.contrib.postgres.fields import ArrayField


class NumberArray(ArrayField):
    """PostgreSQL's array of integers or floats, handed over as it is.

    ArrayField asks its base field about every element, which takes seconds over a few hundred thousand numbers.
    The column is the same, so migrations speak of an ArrayField.
    """

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return value

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.contrib.postgres.fields.ArrayField", args, kwargs
