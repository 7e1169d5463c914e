"""The gateway as a process, between a fake gate that answers as its caller wishes and an API."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingMixIn, ThreadingTCPServer, UnixStreamServer

from postgresql_server import free_port
from simsim.gate.answer import CHALLENGE
from simsim.gateway.addresses import HEALTH_PATH

ENTITIES = "/api/v2/entities"


class FarEnd(BaseHTTPRequestHandler):
    """A fake gate that answers nginx as the caller's Authorization header asks."""

    protocol_version = "HTTP/1.1"
    server: "Socket"

    def do_HEAD(self) -> None:
        asked = {name.lower(): value for name, value in self.headers.items()}
        # Values with bytes that a header can't carry come in the body.
        if body := self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("latin-1"):
            asked |= zip(("x-forwarded-uri", "x-forwarded-for", "authorization"), body.split("\n"), strict=True)
        wish = asked.get("authorization", "")
        self.server.asked.append(asked)
        if wish == "hang":
            time.sleep(6)
        is_rated, wish = wish.endswith("rated"), wish.removesuffix("rated")
        is_counted = wish.endswith("counted")
        wish = wish.removesuffix("counted")
        status = int(wish) if wish.isdigit() else 204
        self.send_response(status)
        if status == 204:
            self.send_header("X-Simsim-Account", "account-1")
            self.send_header("X-Simsim-Token", "token-1")
            self.send_header("X-Simsim-Token-Name", "name%201")
        if status == 401:
            self.send_header("WWW-Authenticate", CHALLENGE)
            self.send_header("X-Simsim-Reason", "expired")
        if status == 429:
            self.send_header("Retry-After", "17")
        if is_rated:
            self.send_header("RateLimit", '"day";r=0;t=17')
            self.send_header("RateLimit-Policy", '"rate";q=20;w=2, "day";q=10000;w=86400')
        if is_counted:
            self.send_header("X-Simsim-Counted", "1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...

    def address_string(self) -> str:
        return "nginx"


class Socket(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    asked: list[dict[str, str]]


@dataclass
class Front:
    """A gateway with its gate's far end and an API: the sample one, unless another is named as `upstream`."""

    directory: Path
    upstream: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    options: Sequence[str] = ()
    asked: list[dict[str, str]] = field(default_factory=list)
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def start(self, binary: Path) -> None:
        (self.directory / "run").mkdir()
        self.gate = Socket(str(self.directory / "run" / "gate.sock"), FarEnd)
        self.gate.asked = self.asked
        threading.Thread(target=self.gate.serve_forever, daemon=True).start()
        path = self.directory / "bin"
        path.mkdir()
        (path / "nginx").symlink_to(binary)
        environment = os.environ | {
            "PATH": f"{path}:{os.environ['PATH']}", "SIMSIM_DATA_DIR": str(self.directory), "SIMSIM_DATABASE_URL": "sqlite:///unused",
        } | self.settings  # fmt: skip
        if not self.upstream:
            self.upstream = f"http://127.0.0.1:{self.api_port}"
            api = [sys.executable, "-m", "simsim.demo.sample_api", "--port", str(self.api_port)]
            self.spawn("api", api, environment)
            wait_for(self.api_port)
        simsim = Path(sys.executable).with_name("simsim")
        command: list[str | Path] = [
            simsim,
            "gateway",
            "--upstream",
            self.upstream,
            "--listen",
            str(self.port),
            *self.options,
        ]
        self.spawn("gateway", command, environment)
        wait_for(self.port, with_answer=True)

    def spawn(self, name: str, command: Sequence[str | Path], environment: dict[str, str]) -> None:
        with (self.directory / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            process.wait(timeout=60)
        self.gate.shutdown()
        self.gate.server_close()

    def get(
        self, path: str = ENTITIES, wish: str = "204", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers={"Authorization": wish} | given)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    def say(self, *lines: bytes, wish: bytes = b"204", then: bytes = b"", source: str = "127.0.0.1") -> bytes:
        """Send one request as it is, `then` more once an answer has begun, and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=40, source_address=(source, 0)) as connection:
            connection.sendall(b"\r\n".join([*lines, b"Authorization: " + wish, b"", b""]))
            got = connection.recv(65536)
            connection.settimeout(0.5)
            if then:
                connection.sendall(then)
            try:
                while piece := connection.recv(65536):
                    got += piece
            except (TimeoutError, ConnectionResetError):
                return got
        return got

    def lines(self) -> list[dict[str, object]]:
        text = (self.directory / "spool" / "gateway.jsonl").read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines()]

    def line_about(self, path: str) -> dict[str, object]:
        """Return the latest line about a path, once nginx has written it: that is after its answer has left."""
        deadline = time.monotonic() + 10
        while not (found := [line for line in self.lines() if line["path"] == path]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return found[-1]


def wait_for(port: int, *, with_answer: bool = False) -> None:
    """Return once the port takes connections, or once a request is answered.

    An nginx that only proves its configuration opens the port too, for a moment, and resets whoever came.
    """
    deadline = time.monotonic() + 20
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.connect()
            if with_answer:
                connection.request("GET", HEALTH_PATH)
                connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()


class FarApi(StreamRequestHandler):
    """An API that keeps every head that reaches it, and answers as the path asks."""

    server: "Api"

    def handle(self) -> None:
        head = b""
        while line := self.rfile.readline():
            head += line
            if head.endswith(b"\r\n\r\n"):
                self.server.heads.append(head)
                self.wfile.write(answer_of(head.split(b" ")[1].decode("latin-1"), head))
                head = b""
        if head:
            self.server.heads.append(head)


class Api(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), FarApi)
        self.heads: list[bytes] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self.server_address[:2])

    def head_of(self, path: bytes) -> dict[str, list[str]]:
        """Return the headers of the latest request for a path, by their names in lower case."""
        head = next(head for head in reversed(self.heads) if head.split(b" ")[1:2] == [path])
        found: dict[str, list[str]] = {}
        for line in head.decode("latin-1").split("\r\n")[1:-2]:
            name, _, value = line.partition(": ")
            found.setdefault(name.lower(), []).append(value)
        return found


def answer_of(path: str, head: bytes) -> bytes:
    """Return what the API sends: 101 for /tunnel, leave for pages at /cors, else 200."""
    kind, _, value = path.removeprefix("/").partition("/")
    if kind == "tunnel":
        return b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    more = b""
    if kind == "big":
        more = b"X-Big: " + b"a" * int(value) + b"\r\n"
    if kind == "cors":
        more = b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: authorization\r\n"
    if kind == "accel":
        more = b"X-Accel-Redirect: /elsewhere\r\nX-Simsim-Role: api\r\nX-Accel-Expires: 1\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + more + b"\r\nok"
