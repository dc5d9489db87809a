"""Where events may not be sent: whatever a name, a number, a redirect or a resolver says."""

import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.outbox.addresses import FORBIDDEN, AddressRefused, Reach, check, parse
from marketplace.outbox.connecting import Connector
from tests.webhooks.receiver import CA_FILE, Reply, receiving

INTERNET, LOCAL = Reach(), Reach(loopback=True)
PUBLIC = "93.184.215.14"
HOOK = parse("https://hooks.example/in", reach=INTERNET)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example/in", "https only"),
        ("ftp://hooks.example/in", "https only"),
        ("https://user:secret@hooks.example/in", "user name and password"),
        ("https://@hooks.example/in", "user name and password"),
        ("https://hooks.example/in#part", "after #"),
        ("https://hooks.example:22/in", "Port 22"),
        ("https://hooks.example:0/in", "Port 0"),
        ("https://hooks.example:99999/in", "no address"),
        ("https://hooks.example/in\r\nHost: other", "visible ASCII"),
        ("https://hooks.example\\@other.example/", "visible ASCII"),
        ("https://höoks.example/", "visible ASCII"),
        ("https:///in", "no host"),
        ("https://localhost/in", "https://localhost"),
        ("https://intranet/in", "no host"),
        ("https://2130706433/in", "no host"),
        ("https://0x7f.0x0.0x0.0x1/in", "no host"),
        ("https://127.1/in", "no host"),
        ("https://[::1/in", "no address"),
        ("", "visible ASCII"),
        ("https://hooks.example/" + "x" * 500, "500"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_in_words(url: str, said: str) -> None:
    if url == "https://localhost/in":  # a name like any other, until it is looked up
        with pytest.raises(AddressRefused, match="to a public address"):
            check(parse(url, reach=INTERNET), ["127.0.0.1"], reach=INTERNET)
        return
    with pytest.raises(AddressRefused, match=said):
        parse(url, reach=INTERNET)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.0.1", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
        "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "64:ff9b::7f00:1", "100::1", "2001::1",
        "2001:db8::1", "2002:7f00:1::", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    for found in ([address], [PUBLIC, address]):
        with pytest.raises(AddressRefused, match="to a public address"):
            check(HOOK, found, reach=INTERNET)


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"])
def test_the_internet_is_open(address: str) -> None:
    assert check(HOOK, [address], reach=INTERNET) == [address]


@given(st.integers(0, 2**32 - 1))
def test_no_address_of_a_forbidden_range_passes_in_any_dress(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    dresses = [f"::ffff:{address}", f"64:ff9b::{address}", str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80)))]
    inside = any(address in each for each in FORBIDDEN if each.version == 4)
    for each in dresses + ([str(address)] if inside or not address.is_global else []):
        with pytest.raises(AddressRefused):
            check(HOOK, [each], reach=INTERNET)


def test_loopback_is_open_by_a_setting_alone_and_nothing_else_with_it() -> None:
    target = parse("http://localhost:8080/in", reach=LOCAL)
    assert check(target, ["127.0.0.1"], reach=LOCAL) == ["127.0.0.1"]
    for found in ("10.0.0.1", PUBLIC, "::ffff:127.0.0.1"):
        with pytest.raises(AddressRefused):
            check(target, [found], reach=LOCAL)
    with pytest.raises(AddressRefused):
        parse("http://hooks.example/in", reach=LOCAL)


class Rebinding:
    """A resolver that says something else each time it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0)


def test_a_name_that_was_public_when_it_was_saved_and_is_private_now_is_not_connected_to() -> None:
    with receiving() as inside:
        port = int(inside.url.rpartition(":")[2].partition("/")[0])
        resolver = Rebinding([PUBLIC], ["127.0.0.1"])
        connector = Connector(INTERNET, resolver=resolver)
        connector.checked("https://hooks.example/in")
        outcome = connector.post("https://hooks.example/in", headers={}, body=b"{}")
        assert (outcome.status, resolver.asked) == (None, 2)
        assert "to a public address" in outcome.error
        assert inside.arrived == [], port


def test_the_connection_is_made_to_the_address_that_was_checked_and_the_name_is_asked_for_once() -> None:
    with receiving(secure=True) as receiver:
        port = int(receiver.url.rpartition(":")[2].partition("/")[0])
        resolver = Rebinding(["127.0.0.1"], ["169.254.169.254"])
        connector = Connector(LOCAL, resolver=resolver, ca_file=CA_FILE)
        outcome = connector.post(f"https://localhost:{port}/hook", headers={"webhook-id": "evt_1"}, body=b"{}")
        assert (outcome.status, outcome.error, resolver.asked) == (200, "", 1)
        assert receiver.arrived[0].headers["host"] == f"localhost:{port}"


def test_the_certificate_must_be_valid_for_the_name_and_not_only_for_the_address() -> None:
    with receiving(secure=True) as receiver:
        other = receiver.url.replace("localhost", "127.0.0.1")
        for url, ca_file, said in ((other, CA_FILE, "not valid"), (receiver.url, None, "not valid")):
            outcome = Connector(LOCAL, ca_file=ca_file).post(url, headers={}, body=b"{}")
            assert outcome.status is None
            assert said in outcome.error
        assert receiver.arrived == []


def test_a_redirect_is_an_answer_like_any_other_and_not_followed() -> None:
    with receiving() as inside, receiving() as receiver:
        receiver.answer = lambda arrived: Reply(307, b"there", {"Location": inside.url})
        outcome = Connector(LOCAL).post(receiver.url, headers={"webhook-id": "evt_1"}, body=b"{}")
        assert (outcome.status, outcome.is_delivered, outcome.answer) == (307, False, "there")
        assert inside.arrived == []


def test_an_answer_that_drips_costs_no_more_than_the_deadline() -> None:
    with receiving() as receiver:
        receiver.answer = lambda arrived: Reply(drip=0.1)
        outcome = Connector(LOCAL, seconds=0.5).post(receiver.url, headers={"webhook-id": "evt_1"}, body=b"{}")
        assert outcome.status is None
        assert "No answer in 0.5 s" in outcome.error
        assert outcome.milliseconds < 5000


def test_no_more_of_an_answer_is_kept_than_its_first_bytes() -> None:
    with receiving() as receiver:
        receiver.answer = lambda arrived: Reply(500, b"x" * 10_000_000)
        outcome = Connector(LOCAL).post(receiver.url, headers={"webhook-id": "evt_1"}, body=b"{}")
        assert (outcome.status, len(outcome.answer)) == (500, 1024)


def test_what_is_not_http_is_said_to_be_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        import threading

        def babble() -> None:
            link, _ = server.accept()
            link.recv(4096)
            link.sendall(b"220 mail ready\r\n\r\n")
            link.close()

        thread = threading.Thread(target=babble)
        thread.start()
        outcome = Connector(LOCAL).post(f"http://127.0.0.1:{port}/", headers={}, body=b"{}")
        thread.join()
    assert (outcome.status, outcome.error) == (None, "What came back is not HTTP.")
