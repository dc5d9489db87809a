"""Results against the tests that a contract names: which nodes pass, which fail what, and whether the whole does."""

from decimal import Decimal

import pytest

from pricing.quotes.handover import SHIPPED, faults, named_tests
from reservations.delivery.verdicts import FABRIC_NODE, Result, Verdict, judge, latest

TESTS = named_tests(SHIPPED)
GOOD = {"burn_in_hours": "24", "memory_errors": "0"}


def judged(nodes: dict[str, dict[str, str]], fabric: dict[str, str], count: int = 2) -> Verdict:
    of_nodes = [Result(node, test, Decimal(value)) for node, said in nodes.items() for test, value in said.items()]
    return judge(
        TESTS, latest([*of_nodes, *(Result(FABRIC_NODE, test, Decimal(v)) for test, v in fabric.items())]), nodes=count
    )


def test_all_passes_when_every_node_and_the_fabric_do() -> None:
    found = judged({"a": GOOD, "b": GOOD}, {"collective_gb_s": "350"})
    assert (found.passes, found.passed, found.failures) == (True, ("a", "b"), ())


def test_a_node_fails_by_name_and_its_share_counts_against_the_fabric() -> None:
    found = judged({"a": GOOD, "b": {**GOOD, "memory_errors": "2"}}, {"collective_gb_s": "350"})
    assert list(found.failed) == [("b", ("memory_errors",))]
    assert found.failed_percent == 50
    assert (found.passes, found.failures) == (False, ("memory_errors", "failed_node_percent"))


def test_what_was_not_tested_has_not_passed() -> None:
    assert not judged({"a": GOOD}, {"collective_gb_s": "350"}).passes
    found = judged({"a": GOOD, "b": {"burn_in_hours": "30"}}, {})
    assert (found.open, found.unseen, found.fabric_open) == (("b",), 0, ("collective_gb_s",))
    assert judged({}, {}).unseen == 2


def test_a_retest_takes_the_place_of_what_was_before() -> None:
    twice = [Result("a", "burn_in_hours", Decimal(3)), Result("a", "burn_in_hours", Decimal(24))]
    assert latest(twice) == {("a", "burn_in_hours"): 24}


def test_a_threshold_itself_passes() -> None:
    burn_in = TESTS[0]
    assert [burn_in.passes(Decimal(value)) for value in ("23.9", "24", "25")] == [False, True, True]
    assert burn_in.wanted == "at least 24 h"


def test_some_nodes_may_fail_where_the_contract_says_so() -> None:
    lenient = named_tests({**SHIPPED, "failed_node_percent": {"scope": "fabric", "rule": "at_most", "threshold": "50"}})
    results = [Result("a", name, Decimal(value)) for name, value in GOOD.items()]
    results += [Result("b", "burn_in_hours", Decimal(1)), Result("b", "memory_errors", Decimal(0))]
    results += [Result(FABRIC_NODE, "collective_gb_s", Decimal(400))]
    assert judge(lenient, latest(results), nodes=2).passes
    assert not judge(TESTS, latest(results), nodes=2).passes


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ([], "at most 12 tests by name"),
        ({"Burn": SHIPPED["burn_in_hours"]}, "lower-case"),
        ({"x": {"scope": "node"}}, "give scope, rule and threshold"),
        ({"x": {"scope": "rack", "rule": "at_least", "threshold": "1"}}, "scope is node or fabric"),
        ({"x": {"scope": "node", "rule": "about", "threshold": "1"}}, "rule is at_least or at_most"),
        ({"x": {"scope": "node", "rule": "at_most", "threshold": "many"}}, "threshold is a number"),
        ({"x": {"scope": "node", "rule": "at_most", "threshold": "NaN"}}, "threshold is a number"),
        (
            {"failed_node_percent": {"scope": "node", "rule": "at_most", "threshold": "1"}},
            "failed_node_percent: fabric",
        ),
    ],
)
def test_a_contracts_tests_are_checked_one_by_one(stored: object, said: str) -> None:
    assert any(said in each for each in faults(stored)), list(faults(stored))
    assert list(faults(SHIPPED)) == list(faults(None)) == []
