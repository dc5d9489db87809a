"""One HTTP request to a stranger's server, within a deadline, to an address that was checked.

A name is looked up once a request; what was found is checked, and the connection is made to that very address, so that
a resolver which says something else a moment later changes nothing. Redirects are not followed, proxies of the
environment are not asked, and no more of an answer is read than is kept.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field
from datetime import timedelta

from marketplace.outbox.addresses import AddressRefused, Reach, Target, check, parse

Resolver = Callable[[str, int], Sequence[str]]
SECONDS = 10.0  # for everything: looking up, connecting, sending, and the answer
LOOKUP_SECONDS = 4.0
LINGER_SECONDS = 1.0  # for the rest of a body whose status is known
MOST_HEAD, MOST_BODY = 16_384, 1024
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: |\r|$)")
_lookups = ThreadPoolExecutor(32, thread_name_prefix="lookup")


@dataclass(frozen=True)
class Outcome:
    """What came of a request. `error` is empty where a status was answered."""

    status: int | None
    milliseconds: int
    answer: str = ""
    error: str = ""
    retry_after: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status <= 299


def look_up(host: str, port: int) -> Sequence[str]:
    """Every address of a name, in the order in which the system would try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True)
class Connector:
    """How requests are made: how far they may go, who looks names up, and whose certificates are believed."""

    reach: Reach = field(default_factory=Reach)
    resolver: Resolver = look_up
    ca_file: str | None = None
    seconds: float = SECONDS

    def checked(self, url: str) -> Target:
        """The address, if it may be sent to now. Raises AddressRefused."""
        target = parse(url, reach=self.reach)
        self.addresses(target)
        return target

    def addresses(self, target: Target) -> list[str]:
        asked = _lookups.submit(self.resolver, target.host, target.port)
        try:
            found = asked.result(LOOKUP_SECONDS)
        except TooLate:
            raise AddressRefused(f"{target.host} was not found in {LOOKUP_SECONDS:.0f} s.") from None
        except (OSError, UnicodeError):
            raise AddressRefused(f"{target.host} cannot be found. Check its spelling.") from None
        return check(target, found, reach=self.reach)

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Sends one request and says what came of it; never raises for what the other side does."""
        began = time.monotonic()

        def outcome(status: int | None = None, **rest: object) -> Outcome:
            return Outcome(status, int(1000 * (time.monotonic() - began)), **rest)  # type: ignore[arg-type]

        deadline = began + self.seconds
        try:
            target = parse(url, reach=self.reach)
            with self._connected(target, self.addresses(target), deadline) as link:
                link.settimeout(_left(deadline))
                link.sendall(_request(target, headers, body))
                head, start_of_body = _head(link, deadline)
                status = _status(head)
                kept = _body(link, start_of_body, min(MOST_BODY, _length(head)), deadline)
        except AddressRefused as refused:
            return outcome(error=str(refused)[:200])
        except ssl.SSLCertVerificationError as failed:
            return outcome(error=f"Its certificate is not valid for this address: {failed.verify_message}."[:200])
        except TimeoutError:
            return outcome(error=f"No answer in {self.seconds:g} s.")
        except (ssl.SSLError, OSError) as failed:
            return outcome(error=f"The connection failed: {failed.strerror or type(failed).__name__}."[:200])
        except NotHttp as failed:
            return outcome(error=str(failed))
        return outcome(status, answer=_text(kept), retry_after=_retry_after(head))

    def _connected(self, target: Target, addresses: Sequence[str], deadline: float) -> socket.socket:
        failed: OSError = OSError("no address")
        for address in addresses[:4]:
            try:
                # To the address and not to the name, which nobody looks up again.
                raw = socket.create_connection((address, target.port), timeout=_left(deadline))
            except OSError as error:
                failed = error
                continue
            return raw if target.scheme == "http" else self._secured(raw, target, deadline)
        raise failed

    def _secured(self, raw: socket.socket, target: Target, deadline: float) -> socket.socket:
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            raw.settimeout(_left(deadline))  # the handshake as a whole has this long, however slowly it drips
            return context.wrap_socket(raw, server_hostname=target.host)
        except BaseException:
            raw.close()
            raise


class NotHttp(Exception):
    """What came back is no HTTP answer."""


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    said = {
        "Host": target.host_header,
        "User-Agent": "Headroom-Webhooks/1",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
    assert not any("\r" in line or "\n" in line for line in lines)
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def _head(link: socket.socket, deadline: float) -> tuple[bytes, bytes]:
    """The status line and headers, and what came with them of the body; informational answers are passed over."""
    seen = b""
    while True:
        head, end, rest = seen.partition(b"\r\n\r\n")
        if end and not head.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")):
            return head, rest
        if end:
            seen = rest
            continue
        if len(seen) > MOST_HEAD:
            raise NotHttp(f"The answer's headers have more than {MOST_HEAD} bytes.")
        link.settimeout(_left(deadline))
        more = link.recv(4096)
        if not more:
            raise NotHttp("The connection ended without an HTTP answer.")
        seen += more


def _status(head: bytes) -> int:
    found = STATUS_LINE.match(head)
    if found is None:
        raise NotHttp("What came back is not HTTP.")
    return int(found[1])


def _length(head: bytes) -> int:
    """How long the body is, where that is said."""
    found = re.search(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?:\r\n|$)", head, re.IGNORECASE)
    return int(found[1]) if found else MOST_BODY


def _body(link: socket.socket, seen: bytes, wanted: int, deadline: float) -> bytes:
    """The first bytes of the body. The status is known, so a body that never ends costs a second at most."""
    until = min(deadline, time.monotonic() + LINGER_SECONDS)
    try:
        while len(seen) < wanted:
            link.settimeout(_left(until))
            more = link.recv(4096)
            if not more:
                break
            seen += more
    except OSError:
        pass
    return seen[:wanted]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace").replace("\x00", "\ufffd")


def _retry_after(head: bytes) -> timedelta | None:
    found = re.search(rb"\r\nretry-after:[ \t]*(\d{1,9})[ \t]*(?:\r\n|$)", head, re.IGNORECASE)
    return timedelta(seconds=int(found[1])) if found else None
