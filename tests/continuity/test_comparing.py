"""Equal or better is decided field by field, and what is not named is worse."""

from reservations.continuity.comparing import BETTER, EQUAL, WORSE, compare, equal_or_better, is_equal_or_better

HAD = {
    "delivery": "bare metal",
    "nvlink_domain_gpus": 8,
    "egress_usd_per_gb": 0.02,
    "certifications": ["ISO 27001", "SOC 2"],
    "spares": "2 %",
}


def verdicts(offered: dict[str, object]) -> dict[str, str]:
    return {field.name: field.verdict for field in compare(HAD, offered)}


def test_the_same_is_equal() -> None:
    assert set(verdicts(HAD).values()) == {EQUAL}
    assert is_equal_or_better(compare(HAD, HAD))


def test_more_is_better_where_more_is_better_and_less_where_less_is() -> None:
    offered = {**HAD, "nvlink_domain_gpus": 72, "egress_usd_per_gb": 0, "certifications": ["SOC 2", "ISO 27001", "C5"]}
    assert verdicts(offered) == {
        "delivery": EQUAL,
        "nvlink_domain_gpus": BETTER,
        "egress_usd_per_gb": BETTER,
        "certifications": BETTER,
    }


def test_one_field_that_is_worse_is_worse() -> None:
    fewer: dict[str, object] = {"certifications": []}
    for worse in ({"nvlink_domain_gpus": 4}, {"egress_usd_per_gb": 0.03}, {"delivery": "VM"}, fewer):
        found = compare(HAD, {**HAD, **worse})
        assert [field.name for field in found if field.verdict == WORSE] == list(worse)
        assert not is_equal_or_better(found)


def test_a_field_that_the_new_spec_does_not_name_is_worse() -> None:
    assert verdicts({"delivery": "bare metal"})["nvlink_domain_gpus"] == WORSE


def test_a_field_that_nobody_can_compare_is_left_out() -> None:
    assert "spares" not in verdicts(HAD)
    assert compare({"delivery": 3, "nvlink_domain_gpus": "many"}, HAD) == []


def test_the_wishes_are_met_by_just_those_specs() -> None:
    wishes = equal_or_better(HAD)
    assert all(wish.met_by(HAD) for wish in wishes)
    assert not all(wish.met_by({**HAD, "egress_usd_per_gb": 1}) for wish in wishes)
