"""The whole product as real processes: console, gate, worker, gateway, and the sample API behind it."""

import atexit
import base64
import contextlib
import functools
import http.client
import json
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg

import postgresql_server
import preloaded
from own_installation import environment_of
from postgresql_server import free_port

BIN = Path(sys.executable).parent
PASSWORD = "open sesame, said Alice"
READY_SECONDS = 300


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Stack:
    """Processes on one scratch directory. `api` is what the sample API answers to, through the gateway alone."""

    directory: Path
    on_postgresql: bool
    console_port: int = field(default_factory=free_port)
    gateway_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    account: str = ""
    other_account: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    is_settled_anew: bool = False

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def environment(self) -> dict[str, str]:
        settings = {
            "SIMSIM_BASE_URL": f"http://localhost:{self.console_port}",
            "SIMSIM_EMAIL_URL": "smtp://127.0.0.1:9",
            "SIMSIM_API_URL": f"http://127.0.0.1:{self.gateway_port}",
            "SIMSIM_API_EXAMPLE": "/api/v2/entities",
            # Tests refuse the same caller again and again.
            "SIMSIM_FAILURES_PER_ADDRESS": "0",
            "SIMSIM_FAILURES_PER_USERNAME": "0",
        }
        return environment_of(self.data, self.database_url) | settings | self.settings

    def __post_init__(self) -> None:
        self.database = f"stack_{secrets.token_hex(4)}"
        self.database_url = ""

    def simsim(self, *arguments: str, stdin: str = "") -> Any:
        """Run the command line with --json and return what it printed."""
        printed = self.run(*arguments, "--json", stdin=stdin)
        return json.loads(printed) if printed.strip() else None

    def run(self, *arguments: str, stdin: str = "", timeout: float = 240) -> str:
        """Run the command line, which must succeed, and return what it printed."""
        done = preloaded.run(arguments, env=self.environment, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"simsim {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def spawn(self, name: str, *command: str | Path) -> None:
        log = (self.directory / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()

    def settle(self) -> None:
        """Migrate, and create the accounts of the cast."""
        if self.on_postgresql:
            self.database_url = self.new_database()
        self.run("migrate", timeout=120)
        for name, person in (("Acme", "alice@acme.example"), ("Globex", "charlie@globex.example")):
            account = self.simsim("account", "create", name)["id"]
            self.simsim(
                "user", "create", person, "--account", account, "--role", "administrator", "--password-stdin",
                stdin=PASSWORD + "\n",
            )  # fmt: skip
            if name == "Acme":
                self.account = account
            else:
                self.other_account = account

    def new_database(self) -> str:
        """Create an empty database, and return its URL."""
        return postgresql_server.create_database(self.database)

    def copy(self, model: "Stack") -> None:
        """Become what another has settled, its keys included."""
        if self.on_postgresql:
            self.database_url = postgresql_server.create_database(self.database, model.database)
        shutil.copytree(model.data, self.data)
        self.account, self.other_account = model.account, model.other_account

    def start(self) -> None:
        """Start every process on a migrated installation with the accounts; return when each answers."""
        if self.is_settled_anew:
            self.settle()
        else:
            self.copy(settled(self.on_postgresql))
        self.spawn("api", sys.executable, "-m", "simsim.demo.sample_api", "--port", str(self.api_port))
        self.spawn("serve", BIN / "simsim", "serve", "--port", str(self.console_port), "--no-worker")
        self.start_worker()
        upstream, listen = f"http://127.0.0.1:{self.api_port}", f"127.0.0.1:{self.gateway_port}"
        self.spawn("gateway", BIN / "simsim", "gateway", "--upstream", upstream, "--listen", listen)
        self.wait_until(lambda: self.get("/api/v2/entities").status == 401, "the gateway answers")
        self.wait_until(lambda: self.get("/healthz", port=self.console_port).status == 200, "the console answers")
        self.wait_until(lambda: self.get("/status/200", port=self.api_port).status == 200, "the API answers")

    def start_serving(self) -> None:
        """Start `simsim serve` and nothing else; return when it has said where it answers."""
        self.copy(settled(self.on_postgresql))
        self.serve_again()

    def stop_serving(self) -> None:
        self.processes["serve"].terminate()
        assert self.processes["serve"].wait(30) == 0

    def serve_again(self) -> None:
        (self.directory / "serve.log").unlink(missing_ok=True)
        self.spawn("serve", BIN / "simsim", "serve", "--port", str(self.console_port), "--no-worker", "--json")
        self.wait_until(lambda: (self.directory / "serve.log").read_text().endswith("}\n"), "everything answers")

    def fail(self, *arguments: str, **settings: str) -> str:
        """Run the command line and return the line with which it refuses."""
        done = preloaded.run(arguments, env=self.environment | settings)
        assert (done.returncode != 0, done.stderr.count("\n")) == (True, 1), done.stderr
        return done.stderr

    def start_worker(self) -> None:
        self.spawn("worker", BIN / "simsim", "worker")

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for name, process in self.processes.items():
            assert process.wait(timeout=30) is not None, name

    def wait_until(self, condition: Any, what: str, seconds: float = READY_SECONDS) -> None:
        """Return once the condition holds. It is asked no more than half of the time: commands cost much to run."""
        deadline = time.monotonic() + seconds
        while True:
            asked_at = time.monotonic()
            with contextlib.suppress(OSError, http.client.HTTPException):
                if condition():
                    return
            if time.monotonic() > deadline:
                logs = "\n".join(f"== {path.name}\n{path.read_text()[-1500:]}" for path in self.directory.glob("*.log"))
                raise AssertionError(f"not within {seconds} s: {what}\n{logs}")
            time.sleep(max(0.05, time.monotonic() - asked_at))

    def get(
        self, path: str, *, auth: tuple[str, str] | None = None, port: int | None = None,
        headers: dict[str, str] | None = None, method: str = "GET", body: bytes | None = None,
    ) -> Answer:  # fmt: skip
        """Send one request, through the gateway unless another port is given."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.gateway_port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=(headers or {}) | (basic(auth) if auth else {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def ask_gate(self, token: dict[str, Any]) -> int:
        """Ask the gate on its socket whether a token may pass, and return the answer's status."""
        return self.get_from_gate("/gate/verify", auth=(token["username"], token["password"]))

    def get_from_gate(self, path: str, *, auth: tuple[str, str] | None = None) -> int:
        connection = http.client.HTTPConnection("gate")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(20)
            connection.sock.connect(str(self.data / "run" / "gate.sock"))
            connection.request("GET", path, headers=basic(auth) if auth else {})
            return connection.getresponse().status

    def create_token(self, name: str, *options: str, expires: str = "30d", account: str = "") -> dict[str, Any]:
        who = "charlie@globex.example" if account == self.other_account and account else "alice@acme.example"
        created: dict[str, Any] = self.simsim(
            "token", "create", "--account", account or self.account, "--as", who,
            "--name", name, "--expires", expires, *options,
        )  # fmt: skip
        return created

    def revoke(self, token_id: str) -> None:
        self.simsim("token", "revoke", token_id, "--as", "alice@acme.example", "--reason", "leaked")

    def log_rows(self, **filters: str) -> list[dict[str, Any]]:
        """Return every row of Acme's log, newest first."""
        rows: list[dict[str, Any]] = []
        cursor: list[str] = []
        options = [part for name, value in filters.items() for part in (f"--{name}", value)]
        while True:
            page = self.simsim("log", "list", "--account", self.account, "--limit", "1000", *options, *cursor)
            rows += page["items"]
            if not page["next_cursor"]:
                return rows
            cursor = ["--cursor", page["next_cursor"]]

    def count_log(self) -> int:
        """Return how many rows Acme's log has, more quickly than by reading them."""
        account = self.account if self.on_postgresql else self.account.replace("-", "")
        question = f"SELECT count(*) FROM request_log_loggedrequest WHERE account_id = '{account}'"
        if self.on_postgresql:
            with psycopg.connect(self.database_url) as connection:
                return int(connection.execute(question.encode()).fetchall()[0][0])
        with contextlib.closing(sqlite3.connect(self.data / "request_log.sqlite3", timeout=20)) as connection:
            return int(connection.execute(question).fetchone()[0])


def basic(auth: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()}


@functools.cache
def settled(on_postgresql: bool) -> Stack:
    """Return the installation that the others are copies of: to settle takes longer than to start."""
    directory = Path(tempfile.mkdtemp(prefix="simsim-settled-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    model = Stack(directory, on_postgresql)
    model.settle()
    return model


AnyStack = TypeVar("AnyStack", bound=Stack)


@contextlib.contextmanager
def running(directory: Path, *, on_postgresql: bool, settings: dict[str, str] | None = None) -> Iterator[Stack]:
    with started(Stack(directory, on_postgresql, settings=settings or {})) as stack:
        yield stack


@contextlib.contextmanager
def started(stack: AnyStack, *, is_served_only: bool = False) -> Iterator[AnyStack]:
    """Start the stack, or `simsim serve` only, and stop it at the end."""
    try:
        if is_served_only:
            stack.start_serving()
        else:
            stack.start()
        yield stack
    finally:
        stack.stop()
