"""What may be asked for: every field at fault is named, nothing is guessed, nothing ignored."""

from datetime import date
from typing import Any

import pytest

from pricing.quotes.need import BadNeed, Need, Range, parse_need

TODAY = date(2026, 11, 23)
KNOWN = {
    "accelerators": frozenset({"h100"}),
    "sites": frozenset({"sit_a"}),
    "jurisdictions": frozenset({"US"}),
    "sellers": frozenset({"org_a"}),
}
GOOD: dict[str, Any] = {
    "accelerators": ["h100"],
    "quantity": 64,
    "duration_days": 30,
    "start": {"from": "2027-02-01", "to": "2027-03-01"},
    "firmness": "firm",
}


def parse(**changes: Any) -> Need:
    return parse_need(GOOD | changes, today=TODAY, known=KNOWN)


def faults(body: Any) -> set[tuple[str, str]]:
    with pytest.raises(BadNeed) as bad:
        parse_need(body, today=TODAY, known=KNOWN)
    assert all(fault.message for fault in bad.value.faults)
    return {(fault.pointer, fault.code) for fault in bad.value.faults}


def test_a_need_is_read_and_can_be_asked_again_as_it_stands() -> None:
    need = parse()
    assert need.quantity == Range(64, 64)
    assert need.start_to == date(2027, 3, 1)
    assert parse_need(need.as_json(), today=TODAY, known=KNOWN) == need


def test_quantity_and_duration_may_be_ranges() -> None:
    need = parse(quantity={"min": 8, "max": 64}, duration_days={"min": 7, "max": 30})
    assert (need.quantity, need.duration) == (Range(8, 64), Range(7, 30))
    assert need.is_range
    assert parse_need(need.as_json(), today=TODAY, known=KNOWN) == need


def test_an_empty_need_is_told_everything_that_it_lacks() -> None:
    assert faults({}) == {
        ("/quantity", "required"),
        ("/duration_days", "required"),
        ("/start", "required"),
        ("/firmness", "required"),
    }


def test_a_misspelt_field_is_refused_and_not_ignored() -> None:
    assert faults(GOOD | {"quantitty": 5}) == {("/quantitty", "unknown_field")}
    assert faults(GOOD | {"quantity": {"min": 1, "max": 2, "mx": 3}}) == {("/quantity/mx", "unknown_field")}


@pytest.mark.parametrize("quantity", [0, -8, 1.5, "64", True, 1_000_001, {"min": 9, "max": 8}, {"min": 8}, [64]])
def test_a_quantity_that_makes_no_sense_is_refused(quantity: Any) -> None:
    assert faults(GOOD | {"quantity": quantity}) == {("/quantity", "invalid")}


@pytest.mark.parametrize(
    ("start", "fault"),
    [
        ({"from": "2026-11-23", "to": "2027-01-01"}, ("/start/from", "in_the_past")),
        ({"from": "2027-02-02", "to": "2027-02-01"}, ("/start/to", "before_from")),
        ({"from": "2027-02-30", "to": "2027-03-01"}, ("/start/from", "invalid")),
        ({"from": "2027-02-01T00:00:00Z", "to": "2027-03-01"}, ("/start/from", "invalid")),
        ({"from": "2027-02-01"}, ("/start/to", "required")),
        ({"from": "2027-02-01", "to": "2047-03-01"}, ("/start/to", "too_far")),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(start: Any, fault: tuple[str, str]) -> None:
    assert faults(GOOD | {"start": start}) == {fault}


def test_an_accelerator_that_nobody_sells_is_refused_by_its_place_in_the_list() -> None:
    assert faults(GOOD | {"accelerators": ["h100", "h1000"]}) == {("/accelerators/1", "unknown")}


def test_every_fault_is_named_at_once() -> None:
    assert faults({"quantity": 0, "duration_days": 5000, "start": {}, "firmness": "sure", "x": 1}) == {
        ("/x", "unknown_field"),
        ("/quantity", "invalid"),
        ("/duration_days", "invalid"),
        ("/start/from", "required"),
        ("/start/to", "required"),
        ("/firmness", "invalid"),
    }


@pytest.mark.parametrize("body", [None, [], "64 GPUs", 7])
def test_what_is_not_an_object_is_refused(body: Any) -> None:
    assert faults(body) == {("", "not_an_object")}
