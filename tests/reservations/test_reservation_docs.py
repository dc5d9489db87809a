"""docs/reservations.md says what the table of transitions says, and every code that it names exists with its status."""

import re
from pathlib import Path

from marketplace.web.errors import CODES
from pricing.quotes.contracts import ContractPolicy
from reservations.booking.money import REASONS
from reservations.booking.states import STATES, TABLE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reservations.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_transitions_is_the_products() -> None:
    told = [
        (row[0].strip("`"), *(set(filter(None, cell.split(", "))) for cell in row[1:4]))
        for row in rows("Transitions and actions")
    ]
    assert told == [(action.name, set(action.sources), set(action.targets), set(action.who)) for action in TABLE]


def test_every_state_and_reason_is_told() -> None:
    assert [row[0].strip("`") for row in rows("States")] == [state for state, _ in STATES]
    assert {row[0].split("`")[1] for row in rows("Money")} == {reason for reason, _ in REASONS}


def test_every_refusal_has_its_code_and_status() -> None:
    for codes, statuses, _ in rows("Refusals"):
        named = re.findall(r"`(\w+)`", codes)
        assert {CODES[code].status for code in named} == {int(status) for status in statuses.split(", ")}


def test_every_figure_of_the_contract_is_told_with_its_default() -> None:
    told = {
        name: int(default)
        for names, defaults, _ in rows("The contract")
        for name, default in zip(re.findall(r"`(\w+)`", names), defaults.split(", "), strict=True)
    }
    shipped = ContractPolicy(version=0)
    assert told == {name: getattr(shipped, name) for name in told}
    figures = {field.name for field in ContractPolicy._meta.concrete_fields if field.name.endswith(("days", "hours"))}
    assert figures <= set(told)
