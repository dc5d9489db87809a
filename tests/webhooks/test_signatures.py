"""Signatures as Standard Webhooks has them, and a schedule over days."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.outbox import schedule, signatures

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def test_the_example_of_the_specification() -> None:
    """The message, secret and signature that its own libraries test against."""
    import base64

    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signatures.signature(
        secret, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_differ_by_endpoint_salt_and_key_and_are_as_long_as_the_specification_asks() -> None:
    made = {
        signatures.derive(master, endpoint=endpoint, salt=salt)
        for master in (b"a", b"b")
        for endpoint in ("whe_1", "whe_2")
        for salt in ("x", "y")
    }
    assert len(made) == 8
    assert {len(each) for each in made} == {32}


@given(st.integers(1, schedule.TRIES - 1), st.randoms(use_true_random=False))
def test_each_try_waits_longer_than_the_one_before(tries: int, rng: random.Random) -> None:
    found = schedule.next_try(tries=tries, now=NOW, retry_after=None, rng=rng)
    assert found is not None
    assert 0.92 <= (found - NOW) / schedule.DELAYS[tries - 1] <= 1.08
    if tries > 1:
        before = schedule.next_try(tries=tries - 1, now=NOW, retry_after=None, rng=rng)
        assert before is not None
        assert before < found


def test_ten_tries_go_over_three_days_and_then_it_is_over() -> None:
    total = sum(schedule.DELAYS, timedelta(0))
    assert timedelta(days=3) < total < timedelta(days=4)
    rng = random.Random(1)
    assert schedule.next_try(tries=schedule.TRIES, now=NOW, retry_after=timedelta(hours=1), rng=rng) is None


@pytest.mark.parametrize(("wish", "waits"), [(3600, 3600), (10**8, 86_400)])
def test_a_receiver_may_ask_for_more_time_within_reason(wish: int, waits: int) -> None:
    found = schedule.next_try(tries=1, now=NOW, retry_after=timedelta(seconds=wish), rng=random.Random(1))
    assert found == NOW + timedelta(seconds=waits)
