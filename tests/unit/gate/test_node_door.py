"""The gate's listener for nodes on other hosts: only a node's credential opens it, and nothing else changes."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from gate_database import ACME, Database, basic
from simsim.credential import management_password
from simsim.credential.allowlist import parse_address
from simsim.gate.answer import Answer
from simsim.gate.app import Gate, Request
from simsim.gate.known_nodes import KnownNodes
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.node_door import NodeDoor
from simsim.gate.node_question import ASK, ENDS, MAX_ENDS_BYTES, MAX_QUESTION_BYTES, encode
from simsim.gate.request_id import new_request_id
from simsim.gate.spool import NODE_ENDS, Spool

if TYPE_CHECKING:
    from simsim.gate.lookup import Lookup
    from simsim.gate.shared_gate import SharedGate

pytestmark = pytest.mark.covers("B9", "B2", "R15")
PEER = "198.51.100.7"
CALLER = "203.0.113.9"


class Door:
    """A listener for nodes, and what it has written."""

    def __init__(self, gate: Gate, database: Path, spool: Path) -> None:
        self.spool = spool
        self.app = NodeDoor(gate, KnownNodes(SqliteLookup(database)), Spool(spool, stem=NODE_ENDS))

    def say(
        self, path: str, *headers: tuple[bytes, bytes], body: bytes = b"", **more: Any
    ) -> tuple[int, dict[str, str]]:
        scope = {"type": "http", "method": "POST", "path": path, "headers": [*headers], "client": (PEER, 4711)} | more
        parts = [{"type": "http.request", "body": body[:9], "more_body": True},
                 {"type": "http.request", "body": body[9:]}]  # fmt: skip
        sent = self.run(scope, *more.get("received", parts))
        return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}

    def run(self, scope: Any, *received: Any) -> list[Any]:
        waiting, sent = [*received], []

        async def receive() -> Any:
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        return sent

    def lines(self, stem: str) -> list[dict[str, Any]]:
        texts = [path.read_text() for path in sorted(self.spool.glob(f"{stem}-*"))]
        found = [json.loads(line) for text in texts for line in text.splitlines()]
        return [line for line in found if "took" not in line]


@pytest.fixture
def door(gate: Gate, database: Database, spool_dir: Path) -> Iterator[Door]:
    opened = Door(gate, database.path, spool_dir)
    yield opened
    assert opened.run({"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})


def node(password: str, scheme: str = "Bearer ") -> tuple[bytes, bytes]:
    return b"authorization", scheme.encode() + password.encode()


def question(*authorization: bytes, is_preflight: bool = False, target: str = "/orders") -> bytes:
    asked = Request(None, "GET", target, authorization, [], new_request_id(), is_named=True)
    return encode(asked, parse_address(CALLER), is_preflight=is_preflight)


def test_node_gets_the_verdict_on_the_caller_that_it_names(database: Database, door: Door) -> None:
    own, password = database.add_node(), database.add(allow=(f"{CALLER}/32",))
    status, said = door.say(ASK, node(own), body=question(basic(password)))
    assert (status, said["x-simsim-account"]) == (204, str(ACME))
    status, said = door.say(ASK, node(own), body=question(basic(database.add(allow=(f"{PEER}/32",)))))
    assert (status, said["x-simsim-reason"]) == (401, "address_not_allowed")
    assert [(line["reason"], line["address"]) for line in door.lines("gate")] == [
        ("ok", CALLER), ("address_not_allowed", CALLER),
    ]  # fmt: skip
    # The worker must wait for the ends, so their file is there before the first decision.
    assert list(door.spool.glob(f"{NODE_ENDS}-*"))


def test_everybody_else_gets_the_same_404_as_for_any_path(database: Database, door: Door) -> None:
    own, body = database.add_node(), question(basic(database.add()))
    elsewhere, revoked = database.add_node("192.0.2.0/24"), database.add_node()
    database.revoke_node(revoked)
    stranger = door.say("/nothing")
    for headers in (
        [], [node(management_password.mint())], [node(elsewhere)], [node(revoked)], [node(own), node(own)],
        [node(own, "Basic ")], [node("")], [(b"authorization", b"bearer \xff")], [(b"x-forwarded-for", b"192.0.2.1")],
    ):  # fmt: skip
        assert door.say(ASK, *headers, body=body) == stranger
        assert door.say(ENDS, *headers, body=b"{}\n") == stranger
    assert door.say(ASK, node(own), body=body, method="GET") == stranger
    assert door.say("/gate/verify", (b"authorization", basic(database.add()))) == stranger
    assert door.say(ASK, node(elsewhere), body=body, client=None) == stranger
    assert not door.lines("gate")
    assert not door.lines(NODE_ENDS)
    assert door.say(ASK, node(elsewhere), body=body, client=("192.0.2.9", 1))[0] == 204


def test_gate_on_postgresql_asks_for_its_nodes_and_callers_together(database: Database, gate: Gate, door: Door) -> None:
    class OnPostgresql:
        async def verify_together(self, request: Request) -> Answer:
            return gate.verify(request)

    own, body, stranger = database.add_node(), question(basic(database.add())), door.say("/nothing")
    rows = SqliteLookup(database.path).nodes()
    nodes = KnownNodes(cast("Lookup", SimpleNamespace(nodes=lambda: rows, close=lambda: None)))
    together = NodeDoor(gate, nodes, Spool(door.spool, stem=NODE_ENDS))
    together._shared = cast("SharedGate", OnPostgresql())
    door.app = together
    assert door.say(ASK, node(own), body=body)[0] == 204
    assert door.say(ASK, node(management_password.mint()), body=body) == stranger


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * (MAX_QUESTION_BYTES + 1)])
def test_body_that_is_no_question_is_404(database: Database, door: Door, body: bytes) -> None:
    assert door.say(ASK, node(database.add_node()), body=body)[0] == 404
    assert not door.lines("gate")


def test_question_that_is_cut_off_is_none(database: Database, door: Door) -> None:
    gone = [{"type": "http.disconnect"}]
    assert door.say(ASK, node(database.add_node()), received=gone)[0] == 404


def test_preflight_is_let_through_once_its_line_is_written(database: Database, door: Door) -> None:
    status, said = door.say(ASK, node(database.add_node()), body=question(is_preflight=True))
    assert (status, [name for name in said if "simsim" in name]) == (204, [])
    (line,) = door.lines("gate")
    assert (line["reason"], line["cause"], line["account"], line["address"]) == ("ok", "preflight", None, CALLER)


def test_ends_are_in_the_spool_before_the_answer(database: Database, door: Door) -> None:
    own = database.add_node()
    assert door.say(ENDS, node(own), body=b'{"a":1}\n{"a":2}\n')[0] == 204
    assert door.lines(NODE_ENDS) == [{"a": 1}, {"a": 2}]
    for body in (b"", b'{"a":3}', b"x" * MAX_ENDS_BYTES + b"\n"):
        assert door.say(ENDS, node(own), body=body)[0] == 404
    assert len(door.lines(NODE_ENDS)) == 2


def test_proxy_on_another_host_names_its_credential_in_a_header(database: Database, door: Door) -> None:
    own, caller = database.add_node(), (b"authorization", basic(database.add(allow=(f"{CALLER}/32",))))
    said = [caller, (b"x-forwarded-for", CALLER.encode()), (b"x-request-id", new_request_id().encode())]
    credential = (b"x-simsim-gate-token", own.encode())
    assert door.say("/gate/verify", *said, credential, method="GET")[0] == 204
    assert door.say("/gate/verify", *said, credential, credential, method="GET")[0] == 404
    wrong = (b"x-simsim-gate-token", management_password.mint().encode())
    assert door.say("/gate/verify", *said, wrong, method="GET")[0] == 404
    assert len(door.lines("gate")) == 1


def test_nothing_is_decided_while_the_nodes_are_unknown(
    database: Database, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    own, body = database.add_node(), question(basic(database.add()))
    database.connection.execute("DROP TABLE management_tokens_managementtoken")
    assert door.say(ASK, node(own), body=body)[0] == 503
    assert "Unavailable: SQLite" in capsys.readouterr().err
    assert not door.lines("gate")


def test_nothing_is_decided_and_no_line_is_taken_without_room_for_ends(
    database: Database, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = database.add_node()
    door.spool.rename(door.spool.with_name("gone"))
    assert door.say(ASK, node(own), body=question(basic(database.add())))[0] == 503
    assert door.say(ENDS, node(own), body=b"{}\n")[0] == 503
    door.spool.with_name("gone").rename(door.spool)
    assert door.say(ENDS, node(own), body=b"{}\n")[0] == 204
