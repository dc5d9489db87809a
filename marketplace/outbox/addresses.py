"""Where an event may be sent: never into a private network, whatever a name, a redirect or a resolver says. Pure.

The ranges are those of the IANA special-purpose address registries (RFC 6890) and every form in which an IPv6 address
carries an IPv4 one, refused whole: what it carries could be private.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
LONGEST_URL = 500
PORTS = (443, 8443)
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
FORBIDDEN = [
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip


class AddressRefused(Exception):
    """Events are not sent to this address; the sentence says why, and what would be right."""


@dataclass(frozen=True)
class Reach:
    """How far events may go. `loopback`: also to this machine itself, in plain HTTP and at any port, for local runs."""

    loopback: bool = False


@dataclass(frozen=True)
class Target:
    """An address taken apart: what is said to the server, and where its name leads."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return name if self.port == usual else f"{name}:{self.port}"


def parse(url: str, *, reach: Reach) -> Target:
    """Raises AddressRefused unless it is an address that could be sent to: https, a host, a usual port."""
    if not url or len(url) > LONGEST_URL or any(ord(each) <= 32 or ord(each) >= 127 or each == "\\" for each in url):
        raise AddressRefused(
            f"Send an address of 1 to {LONGEST_URL} visible ASCII characters, such as https://example.com/hook."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("This is no address. Send one such as https://example.com/hook.") from None
    host = (parts.hostname or "").rstrip(".").lower()
    is_loopback = reach.loopback and _is_loopback(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback):
        raise AddressRefused("Events are sent over https only: start the address with https://.")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise AddressRefused("Leave the user name and password out of the address: the signature says who sends.")
    if parts.fragment or "#" in url:
        raise AddressRefused("Leave out what stands after #: it is never sent.")
    if not _is_host(host):
        raise AddressRefused("The address has no host that could be found. Send one such as https://example.com/hook.")
    found = port if port is not None else (443 if parts.scheme == "https" else 80)
    if found not in PORTS and not is_loopback:
        raise AddressRefused(f"Port {found} is not sent to. Use {' or '.join(map(str, PORTS))}.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, parts.scheme, host, found, path)


def _is_host(host: str) -> bool:
    if _literal(host) is not None:
        return True
    labels = host.split(".")
    # A name without a dot, or whose last label is a number (as 0x7f.1 or 2130706433), is a way to write an IP address
    # or a machine of our own network.
    named = len(host) <= 253 and all(LABEL.fullmatch(label) for label in labels)
    return named and (host == "localhost" or (len(labels) > 1 and not re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1])))


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" or (literal is not None and literal.is_loopback)


def check(target: Target, found: Sequence[str], *, reach: Reach) -> list[str]:
    """The addresses to which a name leads, if every one of them may be sent to; raises AddressRefused if any may not.

    Every one: a name that leads to both kinds is somebody trying which of them we take.
    """
    if not found:
        raise AddressRefused(f"{target.host} leads to no address.")
    for text in found:
        if not _may_be_sent_to(ipaddress.ip_address(text.partition("%")[0]), target, reach):
            raise AddressRefused(
                f"{target.host} does not lead to a public address: events are sent to the Internet only."
            )
    return list(found)


def _may_be_sent_to(address: IpAddress, target: Target, reach: Reach) -> bool:
    if address.is_loopback and reach.loopback:
        return True
    if target.scheme != "https" or target.port not in PORTS:
        return False  # what only loopback may have
    inside = any(address.version == each.version and address in each for each in FORBIDDEN)
    return not inside and address.is_global and not address.is_multicast
