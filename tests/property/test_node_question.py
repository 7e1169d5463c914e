"""What a node asks: the gate reads the same request, whatever a caller has sent."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simsim.credential import basic
from simsim.credential.allowlist import parse_address
from simsim.credential.limits import compiled
from simsim.gate.app import Request
from simsim.gate.decided_line import path_of
from simsim.gate.node_question import MAX_QUESTION_BYTES, NodeQuestion, decode, encode

pytestmark = pytest.mark.covers("B9", "R15")
ID = "0123456789abcdef" * 2
TARGETS = st.text(max_size=60) | st.integers(0, 9000).map(lambda length: "/" + "a" * length)
HEADERS = st.lists(st.binary(max_size=60) | st.integers(0, 20_000).map(lambda length: b"\xff" * length), max_size=3)
LIMITS = compiled("GET /a/**")


@given(st.text(max_size=400), TARGETS, HEADERS, st.booleans(), st.booleans())
@example("GET", "/" + "\x00" * 4096, [b"\x00" * 8193], True, False)
@example("GET", "/a?sim_secret", [], True, True)
def test_gate_judges_the_request_that_reached_the_node(
    method: str, target: str, authorization: list[bytes], is_named: bool, is_preflight: bool
) -> None:
    asked = Request(None, method, target, authorization, ["203.0.113.9"], ID, is_named=is_named)
    body = encode(asked, parse_address("203.0.113.9"), is_preflight=is_preflight)
    assert len(body) <= MAX_QUESTION_BYTES
    question = decode(body)
    assert question is not None
    found = question.request
    assert (question.is_preflight, found.peer, found.request_id, found.is_named) == (is_preflight, None, ID, is_named)
    assert basic.parse(found.authorization) == basic.parse(authorization)
    assert path_of(found.target) == path_of(target)
    assert LIMITS is not None
    if len(method) <= 256:
        assert LIMITS.breach(found.method, found.target) == LIMITS.breach(method, target)
    assert "?" not in found.target


def test_unknown_address_stays_unknown() -> None:
    question = decode(encode(Request(None, "GET", "/", [], [], ID), None))
    assert question == NodeQuestion(Request(None, "GET", "/", [], [], ID), is_preflight=False)


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b"[]")
@example(b"{}")
def test_anything_else_is_no_question(body: bytes) -> None:
    assert decode(body) is None


@pytest.mark.parametrize(
    "wrong", [{"id": "x"}, {"method": 1}, {"path": None}, {"authorization": [1]}, {"authorization": ["\u20ac"]},
              {"address": 7}, {"authorization": 1}],
)  # fmt: skip
def test_question_with_a_wrong_part_is_none(wrong: dict[str, object]) -> None:
    said = json.loads(encode(Request(None, "GET", "/", [b"x"], [], ID), None))
    assert decode(json.dumps(said).encode()) is not None
    assert decode(json.dumps(said | wrong).encode()) is None
