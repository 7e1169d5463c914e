"""An API on a host without a database: it asks the gate over HTTPS, and the log has each request once."""

import contextlib
import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

import tls_files
from documented_examples import example
from postgresql_server import free_port
from settings_for_tests import ON_POSTGRESQL
from simsim.credential import management_password
from stack import Answer, Stack, settled

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B9", "R15", "R17"), pytest.mark.timeout(600)]
API = """
from fastapi import FastAPI, Request
from simsim.middleware import SimsimASGI

api = FastAPI()


@api.get("/orders")
def orders(request: Request):
    return {"account": request.scope["simsim"].account, "told": sorted(n for n in request.headers if "simsim" in n)}


app = SimsimASGI(api, allow_preflight=True)
"""
WSGI = """
from simsim.middleware import SimsimWSGI


def plain(environ, start_response):
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]


app = SimsimWSGI(plain)
"""
FORGED = {"X-Simsim-Account": "evil", "X-Simsim-Gate-Token": "evil", "X-Simsim-Counted": "1"}
# No request waits for longer than the middleware's time limits, on a machine that is busy with other tests.
PATIENCE_SECONDS = 15
PAGE = "docs/operators/remote-gate.md"


def documented(words: str, **values: str) -> dict[str, str]:
    """Return the settings in the page's block with these words, with this machine's values."""
    lines = example(PAGE, words).text.splitlines()
    found = dict(line.partition("#")[0].strip().split("=", 1) for line in lines)
    assert values.keys() <= found.keys()
    return found | values


@dataclass
class Served(Stack):
    """`simsim serve` with a listener for nodes over HTTPS, and a worker."""

    gate_port: int = field(default_factory=free_port)

    @property
    def certificate(self) -> Path:
        return self.directory / "tls.pem"

    @property
    def environment(self) -> dict[str, str]:
        listen = documented(
            "SIMSIM_GATE_LISTEN",
            SIMSIM_GATE_LISTEN=f"127.0.0.1:{self.gate_port}",
            SIMSIM_TLS_CERTIFICATE=str(self.certificate),
            SIMSIM_TLS_KEY=str(self.directory / "tls.key.pem"),
        )
        return super().environment | listen

    def serve(self) -> None:
        (self.directory / "serve.log").unlink(missing_ok=True)
        self.spawn("serve", Path(sys.executable).parent / "simsim", "serve", "--port", str(self.console_port), "--json")
        self.wait_until(lambda: (self.directory / "serve.log").read_text().endswith("}\n"), "everything answers")

    def gate_token(self, *options: str) -> dict[str, Any]:
        program, *create = shlex.split(example(PAGE, "--scope gate").text)
        assert program == "simsim"
        del create[create.index("--allow") :]
        made: dict[str, Any] = self.simsim(*create, *options)
        return made

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return what the log says of requests for a path, oldest first."""
        found = self.simsim("log", "list", "--all-accounts", "--limit", "1000")["items"]
        return [row for row in reversed(found) if row["resource"] == path]

    def ended(self, path: str) -> int:
        """Return how many of these requests the log says the end of."""
        return sum(row["status"] is not None for row in self.rows(path))


@dataclass
class Node:
    """An API elsewhere: it has neither the database nor the folders of the installation."""

    directory: Path
    served: Served
    token: str
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.served.gate_port}"

    def start(self, code: str = API, interface: str = "asgi") -> None:
        self.directory.mkdir(exist_ok=True)
        (self.directory / "example.py").write_text(code)
        secret = self.directory / "token"
        secret.write_text(self.token + "\n")
        environment = documented(
            "SIMSIM_GATE_URL",
            SIMSIM_GATE_URL=self.url,
            SIMSIM_GATE_TOKEN_FILE=str(secret),
            SIMSIM_GATE_CA=str(self.served.certificate),
            SIMSIM_DATA_DIR=str(self.directory / "data"),
        )
        with (self.directory / "node.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port",
                 str(self.port), "--log-level", "error", "--working-dir", str(self.directory), "example:app"],
                env={"PATH": os.defpath} | environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.served.wait_until(lambda: self.get("/waits").status in {401, 503}, "the API answers")

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, sign)
            self.process.wait(30)
            self.process = None

    def get(self, path: str, **how: Any) -> Answer:
        return self.served.get(path, port=self.port, **how)

    def said(self) -> str:
        return (self.directory / "node.log").read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"), ON_POSTGRESQL)
    tls_files.make(served.directory)
    served.copy(settled(ON_POSTGRESQL))
    try:
        served.serve()
        yield served
    finally:
        served.stop()


@pytest.fixture
def node(served: Served, tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "node", served, served.gate_token()["password"])
    try:
        yield node
    finally:
        node.stop()


def pair(token: dict[str, Any]) -> tuple[str, str]:
    return token["username"], token["password"]


def test_each_request_is_asked_about_and_logged_once(served: Served, node: Node) -> None:
    node.start()
    token = served.create_token("Reader")
    elsewhere = served.create_token("Far", "--allow", "192.0.2.0/24")
    said = node.get("/orders?secret=1", auth=pair(token), headers=FORGED)
    assert said.status == 200, node.said()
    told = ["x-simsim-account", "x-simsim-token", "x-simsim-token-name"]
    assert json.loads(said.body) == {"account": served.account, "told": told}
    assert node.get("/orders", auth=pair(elsewhere)).status == 401
    refused = node.get("/orders")
    assert (refused.status, refused.headers["content-type"]) == (401, "application/problem+json")
    assert not [name for name in refused.headers if name.lower().startswith("x-simsim")]
    served.revoke(token["id"])
    assert node.get("/orders", auth=pair(token)).status == 401
    wanted = [(200, "ok"), (401, "address_not_allowed"), (401, "no_credentials"), (401, "revoked")]

    def ended() -> list[tuple[int, str]]:
        return [(row["status"], row["reason"]) for row in served.rows("/orders") if row["duration_seconds"]]

    served.wait_until(lambda: len(ended()) == len(wanted), "the log has how the requests ended")
    assert ended() == wanted
    assert len(served.rows("/orders")) == len(wanted)
    assert {row["address"] for row in served.rows("/orders")} == {"127.0.0.1"}


def test_preflight_passes_and_is_logged(served: Served, node: Node) -> None:
    node.start()
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    assert node.get("/preflight", method="OPTIONS", headers=asks).status == 404
    served.wait_until(lambda: any(row["duration_seconds"] for row in served.rows("/preflight")), "the log has it")
    (row,) = served.rows("/preflight")
    assert (row["status"], row["reason"], row["outcome"]) == (404, "ok", "accepted")


def test_wsgi_asks_as_well(served: Served, node: Node) -> None:
    node.start(WSGI, "wsgi")
    token = served.create_token("WSGI")
    assert node.get("/wsgi", auth=pair(token)).body == b"ok"
    served.wait_until(lambda: any(row["duration_seconds"] for row in served.rows("/wsgi")), "the log has it")
    served.revoke(token["id"])
    assert node.get("/wsgi", auth=pair(token)).status == 401


def test_lines_of_a_killed_node_are_sent_after_its_restart_once(served: Served, node: Node) -> None:
    node.start()
    token = served.create_token("Killed")
    for _ in range(20):
        assert node.get("/killed", auth=pair(token)).status == 404
    # The end of a request is written after its last byte was sent: a node that is killed between loses it.
    served.wait_until(lambda: served.ended("/killed") == 20, "all ends have arrived")
    node.stop(signal.SIGKILL)
    # As if the gate had taken the lines, and the node had been killed before it noted so.
    (node.directory / "data/spool/.sent").unlink(missing_ok=True)
    node.start()
    assert node.get("/killed", auth=pair(token)).status == 404
    served.wait_until(lambda: served.ended("/killed") == 21, "the log has all")
    node.stop()
    assert len(served.rows("/killed")) == 21


@pytest.mark.parametrize("ended", ["revoked", "elsewhere", "unknown"])
def test_node_whose_credential_does_not_work_lets_nobody_in(served: Served, node: Node, ended: str) -> None:
    token = served.create_token(f"Node {ended}")
    made = served.gate_token(*(("--allow", "192.0.2.1") if ended == "elsewhere" else ()))
    node.token = management_password.mint() if ended == "unknown" else made["password"]
    node.start()
    if ended == "revoked":
        assert node.get("/orders", auth=pair(token)).status == 200
        served.simsim("management-token", "revoke", made["id"])
    refused = node.get("/orders", auth=pair(token))
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert example(PAGE, "does not accept").text.replace("https://gate.example.com:8443", node.url) in node.said()
    assert node.token not in node.said()


def test_gate_that_is_away_is_503_within_the_time_limit_and_back_at_once(served: Served, node: Node) -> None:
    node.start()
    token = served.create_token("Away")
    assert node.get("/orders", auth=pair(token)).status == 200
    before = missing(served)
    served.processes["serve"].kill()
    served.processes["serve"].wait(30)
    # Its processes end a moment after it.
    served.wait_until(lambda: node.get("/orders", auth=pair(token)).status == 503, "the gate is away")
    for _ in range(10):
        began = time.monotonic()
        assert node.get("/orders", auth=pair(token)).status == 503
        assert time.monotonic() - began < PATIENCE_SECONDS
    assert "can't be asked" in node.said()
    served.serve()
    served.wait_until(lambda: node.get("/orders", auth=pair(token)).status == 200, "the gate is asked again")
    served.wait_until(lambda: missing(served) >= before + 10, "the log says how many requests are missing")


def missing(served: Served) -> int:
    """Return how many requests the log says are missing."""
    sql = "SELECT coalesce(sum(requests), 0) FROM request_log_loggap"
    if ON_POSTGRESQL:
        with psycopg.connect(served.database_url) as connection:
            ((found,),) = connection.execute(sql).fetchall()
    else:
        with contextlib.closing(sqlite3.connect(served.data / "request_log.sqlite3", timeout=20)) as connection:
            ((found,),) = connection.execute(sql).fetchall()
    return int(found)
