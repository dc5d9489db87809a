"""Calibration over REST: shares with their cases, the same for everybody, never a share of nothing."""

import pytest

from tests.contracts.conftest import Caller
from tests.contracts.test_schema import follows
from tests.market import Market


def test_without_cases_there_is_no_share(market: Market, bank: Caller, rival: Caller) -> None:
    answer = bank.get("/calibration")
    body = answer.json()
    assert answer.content == rival.get("/calibration").content
    assert (body["object"], body["days_before"], body["promised"]) == ("calibration", 90, "0.8000")
    assert (body["cases"], body["share"], body["low"], body["high"], body["is_enough"]) == (0, None, None, None, False)
    assert "ERCOT" in body["public_backtest"]["source"]
    assert body["public_backtest"]["origins"][0]["as_of"] == "2019-12-31"
    follows("get", "/calibration", 200, body)


@pytest.mark.parametrize("wrong", [{"days_before": "7"}, {"days_before": "x"}, {"before": "90"}])
def test_another_span_or_parameter_is_refused(market: Market, bank: Caller, wrong: dict[str, str]) -> None:
    answer = bank.get("/calibration", **wrong)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}" for name in wrong]
