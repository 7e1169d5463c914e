"""A request's id is the same in every spelling."""

import json
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_database import Database, basic
from simsim.credential.decision import Reason
from simsim.gate import answer
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.request_id import is_request_id, parse_request_id

ID = "0123456789abcdef" * 2


@given(st.uuids())
def test_every_spelling_of_an_id_gives_the_same_id(made: uuid.UUID) -> None:
    for spelt in (made.hex, str(made), made.hex.upper(), str(made).upper()):
        assert parse_request_id(spelt) == made.hex


@given(st.text() | st.from_regex(r"[0-9a-f-]{30,38}"))
def test_any_text_is_an_id_or_none(text: str) -> None:
    found = parse_request_id(text)
    assert found is None or is_request_id(found)


@pytest.mark.parametrize(
    "text", ["", ID[:-1], ID + "0", "{" + ID + "}", ID[:8] + "-" + ID[8:], "urn:uuid:" + str(uuid.UUID(ID)), "٣" * 32]
)
def test_text_that_resembles_an_id_is_refused(text: str) -> None:
    assert parse_request_id(text) is None


def ask(gate: Gate, *authorization: bytes, peer: str = "", request_id: str | None = None) -> dict[str, str]:
    return dict(gate.verify(Request(peer, "GET", VERIFY, authorization, [], request_id)).headers)


@pytest.mark.covers("R17", "B9")
def test_gate_returns_its_own_id_to_a_proxy_that_sent_none(gate: Gate, database: Database, spool_dir: Path) -> None:
    told = answer.REQUEST_HEADER.lower()
    dashed = str(uuid.UUID(ID))
    accepted, refused, spelt, named = (
        ask(gate, basic(database.add())), ask(gate), ask(gate, request_id=dashed), ask(gate, request_id=ID),
    )  # fmt: skip
    stranger = ask(gate, peer="203.0.113.9", request_id=ID)
    logged = [json.loads(line)["id"] for path in spool_dir.iterdir() for line in path.read_text().splitlines()]
    assert logged == [accepted[told], refused[told], ID, ID]
    assert spelt[told] == ID
    assert told not in named
    assert told not in stranger
    assert told not in dict(answer.refuse(Reason.EXPIRED).headers)
