"""A real receiver on this machine: it keeps what arrives, and answers as it is told.

It verifies by its own reading of the specification, with nothing of ours.
"""

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CA_FILE = str(Path(__file__).parent / "ca.pem")
CERTIFICATE = Path(__file__).parent / "receiver.pem"


@dataclass(frozen=True)
class Arrived:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """As a receiver does it: prefix off, base64 to the key, HMAC over id.timestamp.body, any of the signatures."""
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        if abs(time.time() - int(self.headers["webhook-timestamp"])) > 300:
            return False
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return any(each == f"v1,{wanted}" for each in self.headers["webhook-signature"].split(" "))


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"thank you"
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0  # seconds before anything is answered
    drip: float = 0.0  # seconds between the bytes of the answer


@dataclass
class Receiver:
    url: str
    arrived: list[Arrived] = field(default_factory=list)
    answer: Callable[[Arrived], Reply] = lambda arrived: Reply()

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.arrived]


@contextmanager
def receiving(*, secure: bool = False, path: str = "/hook") -> Iterator[Receiver]:
    """A server at a free port of this machine, with a certificate for localhost where it is to be secure."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen = Arrived(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.arrived.append(seen)
            reply = receiver.answer(seen)
            over.wait(reply.after)
            try:
                self._say(reply)
            except OSError:
                pass  # nobody listens any more

        def _say(self, reply: Reply) -> None:
            head = [f"HTTP/1.1 {reply.status} Said", f"Content-Length: {len(reply.body)}"]
            head += [f"{name}: {value}" for name, value in reply.headers.items()]
            raw = "\r\n".join(head).encode() + b"\r\n\r\n" + reply.body
            for each in [raw] if not reply.drip else [raw[i : i + 1] for i in range(len(raw))]:
                self.wfile.write(each)
                self.wfile.flush()
                if over.wait(reply.drip):
                    return

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if secure else "http"
    receiver = Receiver(f"{scheme}://localhost:{server.server_address[1]}{path}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
