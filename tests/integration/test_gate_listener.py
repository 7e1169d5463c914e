"""The gate's own listener, for proxies that do not reach its socket: it answers them, and nobody else."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from postgresql_server import free_port
from settings_for_tests import ON_POSTGRESQL
from stack import Stack, basic, started

pytestmark = [pytest.mark.any_database, pytest.mark.covers("R13", "R15", "B9"), pytest.mark.timeout(600)]
PROXY, STRANGER = "127.0.0.2", "127.0.0.3"


@dataclass
class Served(Stack):
    """`simsim serve` and nothing else, with a listener of the gate for one trusted proxy."""

    gate_port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        listen = {"SIMSIM_GATE_LISTEN": f"127.0.0.1:{self.gate_port}", "SIMSIM_TRUSTED_PROXIES": PROXY}
        return super().environment | listen

    def ask(
        self,
        peer: str,
        auth: tuple[str, str] | None,
        *,
        path: str = "/gate/verify",
        port: int = 0,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask from one of this machine's own addresses."""
        place = ("127.0.0.1", port or self.gate_port)
        connection = http.client.HTTPConnection(*place, timeout=10, source_address=(peer, 0))
        try:
            connection.request("GET", path, headers=(headers or {}) | (basic(auth) if auth else {}))
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "date"}
            return answer.status, said, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with started(Served(tmp_path_factory.mktemp("listener"), ON_POSTGRESQL), is_served_only=True) as served:
        yield served


@pytest.fixture(scope="module")
def tokens(served: Served) -> dict[str, dict[str, Any]]:
    tokens = {
        "good": served.create_token("Good"),
        "revoked": served.create_token("Revoked"),
        "elsewhere": served.create_token("Elsewhere", "--allow", "198.51.100.0/24"),
    }
    served.revoke(tokens["revoked"]["id"])
    return tokens


def pair(token: dict[str, Any]) -> tuple[str, str]:
    return token["username"], token["password"]


def test_trusted_proxy_gets_an_answer_with_the_reason(served: Served, tokens: dict[str, dict[str, Any]]) -> None:
    near = {"X-Forwarded-For": "203.0.113.9"}
    status, said, _ = served.ask(PROXY, pair(tokens["good"]), headers=near)
    assert (status, said["x-simsim-account"]) == (204, served.account)
    for name, reason in (("revoked", "revoked"), ("elsewhere", "address_not_allowed")):
        status, said, _ = served.ask(PROXY, pair(tokens[name]), headers=near)
        assert (status, said["x-simsim-reason"]) == (401, reason)


def test_other_callers_do_not_learn_that_a_password_is_valid(served: Served, tokens: dict[str, dict[str, Any]]) -> None:
    unknown = served.ask(STRANGER, None, path="/unknown")
    assert unknown[0] == 404
    for auth in (None, *map(pair, tokens.values())):
        for headers in ({}, {"X-Forwarded-For": "198.51.100.9"}, {"X-Forwarded-For": PROXY}):
            assert served.ask(STRANGER, auth, headers=headers) == unknown


def test_console_has_no_such_path_for_anybody(served: Served, tokens: dict[str, dict[str, Any]]) -> None:
    for peer in (PROXY, STRANGER):
        for auth in (None, *map(pair, tokens.values())):
            status, said, body = served.ask(peer, auth, port=served.console_port)
            assert status == 404
            assert not [name for name in said if "simsim" in name]
            assert b"address_not_allowed" not in body


def test_everybody_may_ask_both_ports_whether_they_are_well(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        for port in (served.gate_port, served.console_port):
            assert served.ask(STRANGER, None, path=path, port=port)[0] == 200


def test_listener_without_trusted_proxies_stops_the_start_with_one_line(served: Served, tmp_path: Path) -> None:
    refused = served.fail("serve", "--port", str(free_port()), SIMSIM_TRUSTED_PROXIES="")
    assert refused.startswith("simsim: SIMSIM_GATE_LISTEN: the gate answers only the proxies in SIMSIM_TRUSTED_PROX")
    refused = served.fail("serve", "--port", str(free_port()), SIMSIM_GATE_LISTEN="a host")
    assert refused == "simsim: SIMSIM_GATE_LISTEN must be PORT, HOST:PORT or [IPv6]:PORT, not 'a host'\n"
    refused = served.fail("serve", "--port", str(free_port()), SIMSIM_DATA_DIR=str(tmp_path))
    assert f"Port {served.gate_port} on 127.0.0.1 is in use" in refused
    assert "choose another with SIMSIM_GATE_LISTEN" in refused


def test_serve_says_where_the_gate_listens(served: Served) -> None:
    said = json.loads((served.directory / "serve.log").read_text().partition("}")[0] + "}")
    assert said["gate_listen"] == f"127.0.0.1:{served.gate_port}"
