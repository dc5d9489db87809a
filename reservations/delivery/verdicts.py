"""What results say about a hand-over: which nodes pass, which fail what, and whether the whole passes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pricing.quotes.handover import FABRIC, FAILED_NODES, NODE, Test

FABRIC_NODE = ""  # results of the fabric as a whole belong to no node


@dataclass(frozen=True)
class Result:
    """One figure of one node (of the fabric: FABRIC_NODE) in one test."""

    node: str
    test: str
    value: Decimal


@dataclass(frozen=True)
class Verdict:
    """`failed` is [node, tests that it failed]; `passed` nodes have every test of a node, passed; `open` lack some.

    `fabric_failed` names tests of the fabric that failed, the share of failed nodes among them; `fabric_open` those
    without a result yet. Nodes that nobody reported are `unseen`, a number.
    """

    passed: tuple[str, ...]
    failed: tuple[tuple[str, tuple[str, ...]], ...]
    open: tuple[str, ...]
    unseen: int
    fabric_failed: tuple[str, ...]
    fabric_open: tuple[str, ...]
    failed_percent: Decimal
    allows_failures: bool  # the contract says how many nodes may fail

    @property
    def passes(self) -> bool:
        """Everything was tested, and passed as the contract says."""
        return not (self.open or self.unseen or self.fabric_failed or self.fabric_open) and (
            self.allows_failures or not self.failed
        )

    @property
    def failures(self) -> tuple[str, ...]:
        """The tests that failed somewhere, each once."""
        of_nodes = [test for _, tests in self.failed for test in tests]
        return tuple(dict.fromkeys([*of_nodes, *self.fabric_failed]))


def latest(results: Iterable[Result]) -> dict[tuple[str, str], Decimal]:
    """(node, test) -> the last figure reported: a retest takes the place of what was before it."""
    return {(each.node, each.test): each.value for each in results}


def judge(tests: Sequence[Test], figures: Mapping[tuple[str, str], Decimal], *, nodes: int) -> Verdict:
    """Every figure against its threshold; `nodes` is how many are to be handed over."""
    of_nodes = [test for test in tests if test.scope == NODE]
    names = sorted({node for node, _ in figures if node != FABRIC_NODE})
    failed = [(name, _failed(name, of_nodes, figures)) for name in names]
    bad = {name for name, tests_failed in failed if tests_failed}
    waiting = {name for name in names if any((name, test.name) not in figures for test in of_nodes)} - bad
    share = Decimal(100 * len(bad)) / max(nodes, 1)
    of_fabric = {(FABRIC_NODE, test.name): test for test in tests if test.scope == FABRIC}
    known = {**figures, (FABRIC_NODE, FAILED_NODES): share}
    return Verdict(
        passed=tuple(name for name in names if name not in bad | waiting),
        failed=tuple((name, tests_failed) for name, tests_failed in failed if tests_failed),
        open=tuple(sorted(waiting)),
        unseen=max(0, nodes - len(names)),
        fabric_failed=tuple(
            test.name for place, test in of_fabric.items() if place in known and not test.passes(known[place])
        ),
        fabric_open=tuple(test.name for place, test in of_fabric.items() if place not in known),
        failed_percent=share,
        allows_failures=(FABRIC_NODE, FAILED_NODES) in of_fabric,
    )


def _failed(node: str, tests: Sequence[Test], figures: Mapping[tuple[str, str], Decimal]) -> tuple[str, ...]:
    return tuple(
        test.name for test in tests if (node, test.name) in figures and not test.passes(figures[node, test.name])
    )
