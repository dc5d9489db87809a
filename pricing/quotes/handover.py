"""What a contract says about its delivery: who hands over, on what notice, and which tests decide. Pure.

The shipped figures are assumptions, labelled here and in docs/delivery.md; a seller publishes its own as a version of
its contract policy. Versions from before there were any hand over by the clock and name no test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

CLOCK, PROVIDER = "clock", "provider"
HANDOVERS = [(PROVIDER, "By the provider, when it gives access"), (CLOCK, "By the clock, as the first day begins")]
NODE, FABRIC = "node", "fabric"
AT_LEAST, AT_MOST = "at_least", "at_most"
FAILED_NODES = "failed_node_percent"  # worked out from the nodes' results, never reported
BURN_IN = "burn_in_hours"

# Assumptions, not market data. A day under load is what operators usually run before they hand a cluster over; 350 GB/s
# is about nine tenths of what eight 400 Gb/s rails of a node can carry (8 x 50 GB/s), as bus bandwidth of all-reduce
# over all nodes in the terms of nccl-tests; no uncorrected memory error and no failed node is what a buyer expects.
SHIPPED: dict[str, dict[str, Any]] = {
    BURN_IN: {"scope": NODE, "rule": AT_LEAST, "threshold": "24"},
    "memory_errors": {"scope": NODE, "rule": AT_MOST, "threshold": "0"},
    "collective_gb_s": {"scope": FABRIC, "rule": AT_LEAST, "threshold": "350"},
    FAILED_NODES: {"scope": FABRIC, "rule": AT_MOST, "threshold": "0"},
}
IN_WORDS = {
    BURN_IN: ("Burn-in under load", "h"),
    "memory_errors": ("Uncorrected memory errors", ""),
    "collective_gb_s": ("Collective bandwidth (all-reduce, bus)", "GB/s"),
    "storage_gb_s": ("Storage read rate", "GB/s"),
    "node_tflops": ("Matrix product", "TFLOP/s"),
    FAILED_NODES: ("Nodes that failed", "%"),
}
MOST_TESTS = 12
LONGEST_NAME = 40


@dataclass(frozen=True)
class Test:
    """One named test: a figure of each node or of the fabric as a whole, and its threshold, which still passes."""

    __test__ = False  # not one of pytest's

    name: str
    scope: str
    rule: str
    threshold: Decimal

    def passes(self, value: Decimal) -> bool:
        return value >= self.threshold if self.rule == AT_LEAST else value <= self.threshold

    @property
    def title(self) -> str:
        return IN_WORDS.get(self.name, (self.name.replace("_", " "), ""))[0]

    @property
    def unit(self) -> str:
        return IN_WORDS.get(self.name, ("", ""))[1]

    @property
    def wanted(self) -> str:
        """As people read it: at least 24 h."""
        return f"{self.rule.replace('_', ' ')} {self.threshold.normalize():f} {self.unit}".strip()

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "scope": self.scope, "rule": self.rule, "threshold": str(self.threshold)}


def named_tests(stored: Mapping[str, Mapping[str, Any]] | None) -> tuple[Test, ...]:
    """The stored tests as objects; none where the version names none."""
    return tuple(
        Test(name, said["scope"], said["rule"], Decimal(str(said["threshold"])))
        for name, said in (stored or {}).items()
    )


def faults(stored: Any) -> Iterator[str]:
    """What is wrong with named tests, and what would be right. None is no tests, and fine."""
    if stored is None:
        return
    if not isinstance(stored, dict) or len(stored) > MOST_TESTS:
        yield f"Give at most {MOST_TESTS} tests by name, each with scope, rule and threshold; or nothing for none."
        return
    for name, said in stored.items():
        yield from (f"{name}: {fault}" for fault in _faults_of(name, said))


def _faults_of(name: str, said: Any) -> Iterator[str]:
    if not name.replace("_", "").isalnum() or name != name.lower() or len(name) > LONGEST_NAME:
        yield f"a name has lower-case letters, digits and underscores, at most {LONGEST_NAME}."
    if not isinstance(said, dict) or set(said) != {"scope", "rule", "threshold"}:
        yield "give scope, rule and threshold."
        return
    if said["scope"] not in (NODE, FABRIC) or (name == FAILED_NODES and said["scope"] != FABRIC):
        yield f"scope is {NODE} or {FABRIC}{f' ({FAILED_NODES}: {FABRIC})' if name == FAILED_NODES else ''}."
    if said["rule"] not in (AT_LEAST, AT_MOST) or (name == FAILED_NODES and said["rule"] != AT_MOST):
        yield f"rule is {AT_LEAST} or {AT_MOST}{f' ({FAILED_NODES}: {AT_MOST})' if name == FAILED_NODES else ''}."
    if not _is_threshold(said["threshold"]):
        yield 'threshold is a number from 0 to 1000000, as text: "350".'


def _is_threshold(value: Any) -> bool:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return False
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return False
    return number.is_finite() and 0 <= number <= 1_000_000
