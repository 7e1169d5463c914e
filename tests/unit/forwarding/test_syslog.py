"""Syslog messages by RFC 5424: nothing that a client sends can leave its message."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers import MESSAGE, PARAMETER
from simsim.forwarding import events, syslog
from simsim.request_log.models import LoggedRequest

pytestmark = pytest.mark.covers("R17", "B6")
HOSTILE = '/x\r\n<34>1 2026-01-01T00:00:00Z evil su - - - "forged" ]\\[x@1 a="b"]\x00\x7f\x1b[2J\u2028\u202e…'


def requested(**changed: Any) -> LoggedRequest:
    values: dict[str, Any] = {
        "id": 1 << 60, "received_at": datetime(2026, 11, 24, 12, 0, 0, 120_000, tzinfo=UTC), "token_name": "reader",
        "method": "GET", "resource": "/a", "status": 200, "outcome": "accepted", "reason": "ok", "cause": "ok",
        "address": "203.0.113.9",
    }  # fmt: skip
    return LoggedRequest(**values | changed)


def message(row: LoggedRequest) -> bytes:
    return syslog.message(events._of_request(row), "simsim.example")


def test_message_follows_the_rfc() -> None:
    said = message(requested())
    head, _, told = said.partition(b"] ")
    assert head == (
        b"<134>1 2026-11-24T12:00:00.120000Z simsim.example simsim - request "
        b'[simsim@32473 id="1152921504606846976" outcome="accepted" reason="ok" status="200" address="203.0.113.9"'
    )
    assert json.loads(told)["id"] == "1152921504606846976"
    assert message(requested(outcome="refused", reason="expired")).startswith(b"<133>1 ")


def test_hostile_path_and_name_can_not_break_or_forge_a_message() -> None:
    said = message(requested(resource=HOSTILE, token_name=HOSTILE, method=HOSTILE, address=HOSTILE, reason=HOSTILE))
    found = MESSAGE.fullmatch(said)
    assert found, said
    assert all(32 <= byte < 127 for byte in said)
    assert json.loads(found["msg"])["resource"] == HOSTILE
    assert [name for name, _ in PARAMETER.findall(found["sd"])] == [b"id", b"outcome", b"reason", b"status", b"address"]
    assert syslog.framed(said).startswith(b"%d <" % len(said))


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_text_makes_one_complete_message(text: str) -> None:
    found = MESSAGE.fullmatch(message(requested(resource=text, token_name=text, address=text, reason=text)))
    assert found
    assert json.loads(found["msg"])["token_name"] == text


def test_host_name_beyond_ascii_is_left_out() -> None:
    event = events._of_request(requested())
    assert syslog.message(event, "ü\n ").startswith(b"<134>1 2026-11-24T12:00:00.120000Z - simsim - request [")
