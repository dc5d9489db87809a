"""A reference to access details is kept; a detail never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reservations.delivery.references import LooksLikeSecret, NotAReference, check_no_secret, check_reference

ALNUM = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@pytest.mark.parametrize(
    "text",
    [
        "ticket 4711",
        "Vault: acme/rsv-7, ticket 4711",
        "https://portal.northwind.example/access/rsv-7",
        "https://portal.example:8443/handover/4711",
        "REF 2027-03-01/hall-2#7",
        "0b9d7c1e-6f5a-4f0e-9f43-0a4be2b6c1d2",
    ],
)
def test_a_reference_or_an_address_is_kept_as_it_is(text: str) -> None:
    assert check_reference(f"  {text} ") == text


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2",
        "the passwd is below",
        "user root, pwd abc",
        "https://portal.example/a?token=abc",
        "Bearer abc",
        "ssh-ed25519 AAAAC3Nz",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "api key 123",
        "AKIAIOSFODNN7EXAMPLE",
        "hr_live_aaaaaaaaaaaa",
        "ghp_abcdef",
        "d41d8cd98f00b204e9800998ecf8427e",
        "our secret place",
    ],
)
def test_what_looks_like_a_password_or_a_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(LooksLikeSecret) as refused:
        check_reference(text)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab",
        "http://portal.example/rsv",
        "https://ops:x@portal.example/rsv",
        "https://portal.example/rsv?user=7",
        "https://portal.example/rsv#7",
        "https:///rsv",
        "ftp://portal.example/rsv",
        "ssh://ops:x@portal.example",
        "https://portal.example:port/",
        "Tr0ub4dor&3!",
        "<script>",
        "x" * 201,
        "two\nlines",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises((NotAReference, LooksLikeSecret)):
        check_reference(text)


@given(
    st.text(ALNUM, min_size=20, max_size=60), st.sampled_from(["{}", "use {}", "ticket 7 {}", "https://p.example/{}"])
)
def test_a_random_key_is_refused_wherever_it_stands(key: str, around: str) -> None:
    mixed = key + "aB3"
    with pytest.raises(LooksLikeSecret):
        check_reference(around.format(mixed))
    with pytest.raises(LooksLikeSecret):
        check_no_secret(around.format(mixed), "contact")


def test_whom_to_ask_may_be_an_address_or_a_number() -> None:
    for text in ("ops@northwind.example, +49 30 1234567", "Anna Berg (site lead)", ""):
        assert check_no_secret(text, "contact") == text
