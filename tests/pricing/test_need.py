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


def test_sellers_service_order_and_relax_are_read_and_asked_again() -> None:
    service = {
        "delivery": "bare metal",
        "nvlink_domain_gpus": {"min": 8},
        "egress_usd_per_gb": {"max": 0.01},
        "network_gbps_per_gpu": 400,
        "certifications": ["ISO 27001", "ISO 27001"],
    }
    need = parse(sellers=["org_a"], service=service, sort="least_co2", divisible=True)
    assert (need.sellers, need.sort, need.divisible) == (("org_a",), "least_co2", True)
    assert need.as_json()["service"] == service | {"certifications": ["ISO 27001"]}
    assert parse_need(need.as_json(), today=TODAY, known=KNOWN) == need
    assert parse(relax=True).relax
    assert "relax" not in parse(relax=True).as_json()


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ([], ("/service", "invalid")),
        ({"colour": "red"}, ("/service/colour", "unknown_field")),
        ({"delivery": {"min": 1}}, ("/service/delivery", "invalid")),
        ({"nvlink_domain_gpus": {"max": 8}}, ("/service/nvlink_domain_gpus", "invalid")),
        ({"nvlink_domain_gpus": {"min": 8, "mx": 9}}, ("/service/nvlink_domain_gpus", "invalid")),
        ({"nvlink_domain_gpus": True}, ("/service/nvlink_domain_gpus", "invalid")),
        ({"egress_usd_per_gb": {"min": 0}}, ("/service/egress_usd_per_gb", "invalid")),
        ({"certifications": "ISO 27001"}, ("/service/certifications", "invalid")),
        ({"certifications": []}, ("/service/certifications", "invalid")),
    ],
)
def test_a_wish_for_service_that_makes_no_sense_is_refused(service: Any, fault: tuple[str, str]) -> None:
    assert faults(GOOD | {"service": service}) == {fault}


@pytest.mark.parametrize("field", ["sort", "divisible", "relax"])
def test_an_order_or_a_flag_of_another_kind_is_refused(field: str) -> None:
    assert faults(GOOD | {field: [1]}) == {(f"/{field}", "invalid")}


@pytest.mark.parametrize(
    ("wish", "document", "met"),
    [
        ({"nvlink_domain_gpus": {"min": 8}}, {"nvlink_domain_gpus": 72}, True),
        ({"nvlink_domain_gpus": 8}, {"nvlink_domain_gpus": 72}, False),
        ({"nvlink_domain_gpus": {"min": 8}}, {}, False),
        ({"nvlink_domain_gpus": {"min": 8}}, {"nvlink_domain_gpus": "72"}, False),
        ({"egress_usd_per_gb": {"max": 0}}, {"egress_usd_per_gb": 0}, True),
        ({"egress_usd_per_gb": {"max": 0}}, {"egress_usd_per_gb": 0.02}, False),
        ({"delivery": "VM"}, {"delivery": "VM"}, True),
        ({"certifications": ["a"]}, {"certifications": ["a", "b"]}, True),
        ({"certifications": ["a", "c"]}, {"certifications": ["a", "b"]}, False),
        ({"certifications": ["a"]}, {"certifications": "a"}, False),
    ],
)
def test_a_spec_is_equal_or_better_field_by_field(wish: Any, document: Any, met: bool) -> None:
    (found,) = parse(service=wish).service
    assert found.met_by(document) is met
