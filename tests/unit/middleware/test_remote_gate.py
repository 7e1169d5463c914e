"""The middleware's side of a gate elsewhere: what it takes for an answer, how long it waits, and what it keeps."""

import asyncio
import contextlib
import json
import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postgresql_server import free_port
from scripted_server import DROP, Script, answer, scripted
from simsim.config.remote_gates import RemoteGateSettings
from simsim.credential import management_password
from simsim.credential.allowlist import pack, parse_network
from simsim.gate.app import Request
from simsim.gate.node_question import ASK, ENDS, decode
from simsim.gate.request_id import new_request_id
from simsim.gate.spool import ENDS as STEM
from simsim.gate.spool import Spool
from simsim.middleware.remote.answers import AWAY, answer_of
from simsim.middleware.remote.breaker import MAX_FAILURES, PAUSE_SECONDS, Breaker
from simsim.middleware.remote.link import Link
from simsim.middleware.remote.remote_gate import RemoteGate

pytestmark = pytest.mark.covers("B9", "R15", "R17")
TOKEN = management_password.mint()
IDENTITY = {"X-Simsim-Account": "a", "X-Simsim-Token": "t", "X-Simsim-Token-Name": "n"}
LET_IN = answer(204, b"", **IDENTITY)
BALANCER = "192.0.2.1"


def refusal(status: int, reason: str = "unknown_credentials") -> tuple[int, Any, dict[str, str]]:
    return answer(status, {"status": status}, X_Simsim_Reason=reason, Server="x", Set_Cookie="a=b")


class Node:
    """A gate elsewhere, as a middleware on this directory asks it."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.said: list[str] = []
        network = parse_network(BALANCER)
        trusted = pack([network])  # type: ignore[list-item]
        context = ssl.create_default_context()
        self.link = Link(RemoteGateSettings(url, TOKEN, context, directory, trusted, self.said.append))
        self.gate = RemoteGate(self.link, trusted)

    def ask(self, *, is_preflight: bool = False, hops: tuple[str, ...] = ("203.0.113.9", BALANCER)) -> Any:
        request = Request(None, "GET", "/a?b", [b"\x01\xff"], hops, new_request_id(), is_named=True)
        return self.gate.verify(request, is_preflight=is_preflight)

    def ask_together(self, number: int = 1) -> list[Any]:
        async def ask() -> list[Any]:
            request = Request(None, "GET", "/a", [], [], new_request_id())
            found = await asyncio.gather(*(self.gate.verify_together(request) for _ in range(number)))
            await self.gate.close_together()
            return found

        return asyncio.run(ask())


@contextlib.contextmanager
def node_before(directory: Path, *answers: tuple[int, Any, dict[str, str]]) -> Iterator[tuple[Node, Script]]:
    with scripted(*answers) as script:
        node = Node(directory, script.url)
        try:
            yield node, script
        finally:
            node.gate.close()


def missed_in(directory: Path) -> int:
    texts = [path.read_text() for path in directory.glob(f"{STEM}-*")]
    return sum(json.loads(line).get("gap", 0) for text in texts for line in text.splitlines())


def test_question_holds_the_caller_and_the_credential_but_no_query(tmp_path: Path) -> None:
    with node_before(tmp_path, LET_IN) as (node, script):
        assert node.ask().status == 204
        assert node.ask_together()[0].status == 204
    first, second = script.heard
    assert (first.method, first.path, first.headers["authorization"]) == ("POST", ASK, f"Bearer {TOKEN}")
    asked = decode(first.body)
    assert asked is not None
    request = asked.request
    assert (request.target, request.authorization, request.forwarded_for) == ("/a", [b"\x01\xff"], ["203.0.113.9"])
    assert decode(second.body).request.forwarded_for == []  # type: ignore[union-attr]
    assert not node.said


def test_only_what_a_gate_says_lets_anybody_in(tmp_path: Path) -> None:
    nameless = [{name: value for name, value in IDENTITY.items() if name != left} for left in IDENTITY]
    for status, headers in (
        (200, IDENTITY), (302, IDENTITY | {"Location": "/"}), (204, {}), *((204, some) for some in nameless),
        (401, {}), (503, {}), (404, {"X-Simsim-Reason": "ok"}), (500, IDENTITY),
    ):  # fmt: skip
        assert answer_of(status, headers.items(), b"") is None
        with node_before(tmp_path, answer(status, b"", **headers)) as (node, _):
            assert node.ask().status == 503
            assert len(node.said) == 1
            assert TOKEN not in node.said[0]
    twice = [*IDENTITY.items(), ("x-simsim-account", "b")]
    assert answer_of(204, twice, b"") is None
    assert answer_of(204, [], b"", is_preflight=True) is not None


def test_refusal_is_passed_on_with_the_headers_of_a_gate_only(tmp_path: Path) -> None:
    for status in (401, 403, 429, 503):
        with node_before(tmp_path, refusal(status)) as (node, _):
            said = node.ask()
        assert (said.status, json.loads(said.body)) == (status, {"status": status})
        assert [name for name, _ in said.headers] == ["content-type", "x-simsim-reason"]
        assert not node.said


@pytest.mark.parametrize(
    ("said", "words"), [(answer(404), "does not accept SIMSIM_GATE_TOKEN"), (DROP, "can't be asked")]
)
def test_gate_that_can_not_be_asked_is_503_and_counted(tmp_path: Path, said: Any, words: str) -> None:
    with node_before(tmp_path, answer(DROP) if said == DROP else said) as (node, _):
        answers = [node.ask() for _ in range(5)]
        assert [each.status for each in answers] == [503] * 5
        assert words in node.said[0]
    # The last ones were not asked about at all, and have no line of their own: the breaker spares them the wait.
    assert answers[-1] == AWAY
    assert missed_in(tmp_path) == 5


def test_gate_that_is_back_is_asked_again(tmp_path: Path) -> None:
    port = free_port()
    node = Node(tmp_path, f"http://127.0.0.1:{port}")
    assert {node.ask() for _ in range(MAX_FAILURES + 2)} == {AWAY}
    assert "can't be asked: ConnectError" in node.said[0]
    node.gate.close()
    with node_before(tmp_path, LET_IN) as (other, _):
        node.link.settings = other.link.settings
        time.sleep(PAUSE_SECONDS)
        assert [node.ask().status for _ in range(3)] == [204] * 3
        node.gate.close()


def test_breaker_lets_one_in_a_pause_try() -> None:
    breaker = Breaker()
    for _ in range(MAX_FAILURES):
        assert breaker.may_ask(10.0)
        breaker.failed(10.0)
    assert [breaker.may_ask(10.0 + seconds) for seconds in (0.0, 0.9, 1.0, 1.1, 1.9, 2.0)] == [
        False, False, True, False, False, True,
    ]  # fmt: skip
    breaker.succeeded()
    assert breaker.may_ask(12.0)


def write_ends(directory: Path, number: int) -> None:
    spool = Spool(directory, stem=STEM)
    for _ in range(number):
        spool.append(f'{{"id":"{new_request_id()}","at":1.5}}\n'.encode())
    spool.close()


def test_lines_are_sent_until_the_gate_has_them_and_then_deleted(tmp_path: Path) -> None:
    write_ends(tmp_path, 3)
    with node_before(tmp_path, answer(503), answer(DROP), answer(204, b"")) as (node, script):
        sender = node.link._connections().sender
        assert [sender.send_once() for _ in range(4)] == [False, False, True, True]
        bodies = [heard.body for heard in script.heard if heard.path == ENDS]
    assert len(bodies) == 3
    assert len({*bodies}) == 1
    assert bodies[0].count(b"\n") == 3
    assert not list(tmp_path.glob(f"{STEM}-*"))


def test_lines_of_a_file_that_is_still_written_are_sent_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path, stem=STEM)
    lines = [f'{{"id":"{new_request_id()}"}}\n'.encode() for _ in range(3)]
    with node_before(tmp_path, answer(204, b"")) as (node, script):
        sender = node.link._connections().sender
        for line in lines:
            spool.append(line)
            assert sender.send_once()
            assert sender.send_once()
        assert [heard.body for heard in script.heard] == lines
        spool.close()
    assert not list(tmp_path.glob(f"{STEM}-*"))


def test_what_waits_is_bounded_and_what_is_dropped_is_said(tmp_path: Path) -> None:
    for _ in range(3):
        write_ends(tmp_path, 4)
    size = sum(path.stat().st_size for path in tmp_path.glob(f"{STEM}-*"))
    with node_before(tmp_path, answer(503)) as (node, _):
        sender = node.link._connections().sender
        sender._max_spool_bytes = size - 1
        assert not sender.send_once()
        assert node.said == ["4 lines of how requests ended were dropped: too many wait"]
        assert len(list(tmp_path.glob(f"{STEM}-*"))) == 2


def test_only_one_process_sends(tmp_path: Path) -> None:
    write_ends(tmp_path, 1)
    with node_before(tmp_path, answer(204, b"")) as (node, script), (tmp_path / ".sending").open("w") as held:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        assert node.link._connections().sender.send_once()
        assert not script.heard


def test_forked_child_makes_its_own_connections(tmp_path: Path) -> None:
    with node_before(tmp_path, LET_IN) as (node, script):
        assert node.ask().status == 204
        child = os.fork()
        if child == 0:
            os._exit(0 if node.ask().status == 204 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert node.ask().status == 204
    assert len(script.heard) == 3
