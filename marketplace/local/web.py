"""The web server's socket, opened by the supervisor, and plain requests to it."""

import json
import socket
import urllib.error
import urllib.request
from typing import Any

from marketplace.local.says import CannotStart

FIRST_PORT = 8300
HOST = "127.0.0.1"
# A proxy of the machine's environment must not see requests to this machine.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HttpProblem(Exception):
    """An answer other than 2xx, with what it says."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path} answered {status}: {body[:2000]}")
        self.status = status


def listen(port: int | None) -> socket.socket:
    """Binds at once and keeps it: a port that is only probed can be another clone's a moment later, and requests
    meant for one database would reach the other."""
    for candidate in [port] if port is not None else range(FIRST_PORT, FIRST_PORT + 100):
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, candidate))
            server.listen(128)
            return server
        except OSError:
            server.close()
    raise CannotStart(f"port {port} is taken." if port else f"no free port from {FIRST_PORT} on.")


def address(server: socket.socket) -> str:
    return f"http://{HOST}:{server.getsockname()[1]}"


def request(method: str, url: str, *, key: str = "", body: Any = None, headers: dict[str, str] | None = None) -> Any:
    sent = urllib.request.Request(url, method=method, headers={"Accept": "application/json", **(headers or {})})
    if key:
        sent.add_header("Authorization", f"Bearer {key}")
    if body is not None:
        sent.data = json.dumps(body).encode()
        sent.add_header("Content-Type", "application/json")
    try:
        with opener.open(sent, timeout=60) as answer:
            return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        with error:
            raise HttpProblem(method, sent.selector, error.code, error.read().decode(errors="replace")) from None


def is_healthy(web: str) -> bool:
    try:
        with opener.open(f"{web}/health/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
