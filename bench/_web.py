"""The product's web server as the demo runs it, on a database of the benchmark's, and a client that stays connected."""

import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from django.db import connection
from psycopg.conninfo import make_conninfo

from marketplace.local.demo import worker_tmp_dir
from marketplace.local.home import ROOT
from marketplace.local.processes import spawn, stop

TICK = os.sysconf("SC_CLK_TCK")
READY = 30.0


class Web:
    """gunicorn with one process of eight threads, and one connection to it."""

    def __init__(self, secret: str, *, settings: str = "marketplace.settings") -> None:
        self._secret = secret
        self._settings = settings
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        self._logs = TemporaryDirectory()
        self.last: Any = None

    def __enter__(self) -> Self:
        number = self._socket.fileno()
        args = [sys.executable, "-m", "gunicorn", "marketplace.wsgi", "--bind", f"fd://{number}"]
        args += ["--worker-class", "gthread", "--workers", "1", "--threads", "8", "--keep-alive", "60"]
        args += ["--no-control-socket", *worker_tmp_dir()]
        log = Path(self._logs.name) / "web.log"
        env = {**os.environ, "DATABASE_URL": database_address(), "HEADROOM_LOCAL": "1"}
        env["DJANGO_SETTINGS_MODULE"] = self._settings
        self.child = spawn("web", args, log=log, env=env, cwd=ROOT, pass_fds=(number,))
        self._client = http.client.HTTPConnection("127.0.0.1", self._socket.getsockname()[1], timeout=READY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        stop([self.child])
        self._socket.close()
        self._logs.cleanup()

    def timed(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> float:
        """Seconds from the request to the whole answer, which is in `last`."""
        headers = {
            "Authorization": f"Bearer {self._secret}",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        sent = None if body is None else json.dumps(body)
        start = time.perf_counter()
        self._client.request(method, path, sent, headers)
        response = self._client.getresponse()
        raw = response.read()
        seconds = time.perf_counter() - start
        if response.status not in (http.client.OK, http.client.CREATED):
            raise RuntimeError(f"{method} {path}: {response.status} {raw[:300]!r} {self.child.last_lines()}")
        self.last = json.loads(raw)
        return seconds

    def sent(self, method: str, path: str, body: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """A request as a browser would send it, over a connection of its own: status and body, whatever they are."""
        client = http.client.HTTPConnection("127.0.0.1", self._socket.getsockname()[1], timeout=READY)
        client.request(method, path, body, dict(headers))
        response = client.getresponse()
        answer = response.status, response.read()
        client.close()
        return answer

    def cpu_seconds(self) -> float:
        """CPU that the web server and all of PostgreSQL have used so far."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            postgres = _stat(cursor.fetchone()[0])[1]
        return sum(
            _cpu(pid)
            for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))
            if {postgres, self.child.process.pid} & {pid, _stat(pid)[1]}
        )


def database_address() -> str:
    """The address of the database to which the default connection leads."""
    settings = connection.settings_dict
    parts = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    return make_conninfo("", **{name: str(settings[key]) for name, key in parts.items() if settings[key]})


def _stat(pid: int) -> tuple[float, int]:
    """CPU seconds of a process with those of its ended children, and its parent's pid; nothing for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0
    return sum(map(int, fields[11:15])) / TICK, int(fields[1])


def _cpu(pid: int) -> float:
    return _stat(pid)[0]
