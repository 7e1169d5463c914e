"""A line either gives values that every database can store, or it is broken."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential import decision, password
from simsim.credential.allowlist import parse_address
from simsim.gate.decided_line import decided_line, frame
from simsim.gate.decision_times import DecisionTimes
from simsim.gate.unwritten_lines import Gap
from simsim.request_log.row_ids import EPOCH
from simsim.request_log.ship.batch import parse_known_gate_line
from simsim.request_log.ship.lines import (
    Completed,
    Decided,
    Missed,
    Timed,
    completed_line,
    is_optional,
    parse_completed,
    parse_decided,
    parse_gate_line,
    parse_missed,
    set_aside_text,
)
from simsim.request_log.ship.proxy_formats import Ignored

ID = "0123456789abcdef" * 2
ACME, READER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
DECIDED = {
    "id": ID, "at": 1764000000.123456, "reason": "ok", "cause": "ok", "account": ACME, "token": READER,
    "name": "reader", "method": "GET", "path": "/x", "address": "203.0.113.9",
}  # fmt: skip
COMPLETED = {
    "id": ID, "at": 1764000000.123, "seconds": 0.25, "status": 200, "bytes": 5,
    "method": "GET", "path": "/x", "address": "203.0.113.9",
}  # fmt: skip
RECORD = decision.Record(READER, ACME, "Läser “1”", bytes(32), datetime(2027, 1, 1, tzinfo=UTC), False, b"", None)


def decided(**changed: Any) -> str:
    return json.dumps(DECIDED | changed)


def completed(**changed: Any) -> str:
    return json.dumps(COMPLETED | changed)


@pytest.mark.covers("R17")
def test_gates_own_line_is_parsed() -> None:
    now = datetime(2026, 11, 24, 12, 0, 0, 123457, tzinfo=UTC)
    framed = frame(decision.OK, account=ACME, record=RECORD, address=parse_address("203.0.113.9"))
    line = decided_line(ID, now.timestamp(), framed, method="GET", target="/ä?q=1")
    found = parse_decided(line.decode().removesuffix("\n"))
    assert found is not None
    assert (found.request_id, found.at, found.reason) == (ID, now, "ok")
    assert (found.account_id, found.token_id, found.token_name) == (uuid.UUID(ACME), uuid.UUID(READER), "Läser “1”")
    assert (found.method, found.resource, found.address) == ("GET", "/ä", "203.0.113.9")


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_times_are_exact_to_the_microsecond(at: datetime) -> None:
    found = parse_decided(decided(at=(at - EPOCH) / timedelta(seconds=1)))
    assert found is not None
    assert found.at == at


@given(
    st.builds(
        Completed,
        request_id=st.just(ID),
        at=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)),
        seconds=st.floats(0, 1e6),
        status=st.none() | st.integers(100, 999),
        bytes=st.integers(0, 2**53),
        method=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=32),
        resource=st.text(st.characters(exclude_characters="\0?", exclude_categories=["Cs"]), max_size=60),
        address=st.none() | st.just("2001:db8::1"),
    )
)
def test_end_is_unchanged_after_it_waited(end: Completed) -> None:
    assert parse_completed(completed_line(end)) == end


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "null", "[]", "7", '"x"', "{}", "[" * 100_000,
        decided(id="x"), decided(id=ID.upper()), decided(id=None), decided(at="noon"), decided(at=None),
        decided(at=-1), decided(at=1e300), decided(at=float("nan")), decided(at=float("inf")), decided(reason=None),
        decided(account="acme"), decided(token=7), decided(path=None), decided(path=["/x"]), decided(method=1),
        decided() + "x", decided() + decided(), decided()[:-1], decided()[1:],
    ],
    ids=lambda line: line[:40],
)  # fmt: skip
def test_invalid_decided_line_is_broken_and_never_an_error(line: str) -> None:
    assert parse_decided(line) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"status": 1000}, {"status": -1}, {"status": "x"}, {"status": None}, {"bytes": 2**63}, {"bytes": -1},
        {"seconds": -0.1}, {"seconds": 1e12}, {"seconds": float("nan")}, {"path": 1}, {"address": 1}, {"id": ID[:-1]},
    ],
    ids=str,
)  # fmt: skip
def test_invalid_completed_line_is_broken_and_never_an_error(changed: dict[str, Any]) -> None:
    assert parse_completed(completed(**changed)) is None


def test_numbers_in_quotes_and_nginxs_missing_status_are_parsed() -> None:
    quoted = parse_completed(completed(at="1764000000.123", seconds="0.250", status="200", bytes="5"))
    assert quoted == parse_completed(completed())
    missing = parse_completed(completed().replace('"status": 200', '"status":000'))
    assert missing is not None
    assert missing.status is None


@pytest.mark.covers("R17")
def test_no_query_and_no_password_is_kept() -> None:
    secret = password.mint()
    end = parse_completed(completed(path=f"/x/{secret}/y?key={secret}", method=secret))
    assert end is not None
    assert (end.resource, end.method) == ("/x/sim_***/y", "sim_***")
    decision = parse_decided(decided(path="/" + "x" * 2030 + secret))
    assert decision is not None
    assert "sim_***" in decision.resource
    assert len(decision.resource) <= 2048
    for cut in range(len(secret) - 6):
        assert secret[10:16] not in set_aside_text('{"path":"/' + secret[: len(secret) - cut])


def test_characters_that_databases_refuse_are_replaced() -> None:
    found = parse_decided(decided(path="/\0/\ud800/ä", name="\0"))
    assert found is not None
    assert (found.resource, found.token_name) == ("/\ufffd/?/ä", "\ufffd")
    found.resource.encode()
    assert "\0" not in set_aside_text("\0\ud800")


ODD: st.SearchStrategy[Any] = (
    st.integers()
    | st.floats()
    | st.sampled_from(
        [
            None,
            True,
            "",
            "1",
            "-1",
            "nan",
            "\ud800",
            "\0",
            "x" * 5000,
            ID,
            ACME,
            "urn:uuid:" + ACME,
            [],
            [[]],
            {},
            {"id": ID},
        ]
    )
)


@given(st.dictionaries(st.sampled_from([*DECIDED, "seconds", "status", "bytes"]), ODD))
def test_every_line_is_broken_or_can_be_stored(changed: dict[str, Any]) -> None:
    line = json.dumps(DECIDED | COMPLETED | changed)
    for found in (parse_decided(line), parse_completed(line)):
        for text in (value for value in found or () if isinstance(value, str)):
            text.encode()
            assert "\0" not in text


@given(st.text())
def test_no_text_raises_an_error(line: str) -> None:
    assert parse_decided(line) is None
    assert parse_completed(line) is None
    set_aside_text(line).encode()


@pytest.mark.covers("R17")
def test_gates_line_is_a_decision_or_a_gap() -> None:
    told = Gap.after(Gap.after(None, 1764000000.5), 1764000009.25)
    found = parse_gate_line(told.line().decode().rstrip("\n"))
    assert isinstance(found, Missed)
    assert (found.requests, found.began_at.timestamp(), found.at.timestamp()) == (2, 1764000000.5, 1764000009.25)
    assert isinstance(parse_gate_line(decided()), Decided)
    assert parse_gate_line(completed()) is None


@pytest.mark.parametrize("changed", [{"gap": -1}, {"gap": None}, {"from": "x"}, {"until": []}, {"id": "x"}])
def test_invalid_gap_is_broken_and_never_an_error(changed: dict[str, Any]) -> None:
    gap = {"id": ID, "gap": 1, "from": 1.0, "until": 2.0}
    assert parse_missed(json.dumps(gap)) is not None
    assert parse_missed(json.dumps(gap | changed)) is None


@pytest.mark.covers("R17")
@pytest.mark.parametrize(
    "line",
    [
        '{"request":{"uri":"/a?password=HIDDEN"',
        '"headers":{"Authorization":["Basic HIDDEN"]',
        '"headers":{"Authorization":["HIDDEN',
        '"request_Cookie": "HIDDEN',
        '"Set-Cookie":["HIDDEN"],"X-Api-Key":["HIDDEN"],"x_api_key":"HIDDEN","client-secret":"HIDDEN"',
        "GET / HTTP/1.1 authorization: bearer HIDDEN",
        '"Proxy-Authorization":"Digest HIDDEN"',
        '"Cookie":["a\\"HIDDEN"]',
    ],
)
def test_line_that_is_set_aside_holds_no_credentials(line: str) -> None:
    kept = set_aside_text(line)
    assert "HIDDEN" not in kept
    assert "***" in kept
    assert kept[:4] == line[:4]


@pytest.mark.covers("R17")
def test_line_that_is_set_aside_shows_no_password_in_any_spelling() -> None:
    secret = password.mint()
    pair = base64.b64encode(f"6f1c2b1e-8c4e-4b0a-9d59-3a3a1f0f7c11:{secret}".encode()).decode()
    escaped = "".join(f"%25{byte:02x}" for byte in secret.encode())
    for spelling in (secret, secret[:20], f"%73{secret[1:]}", escaped, pair):
        kept = set_aside_text(f'{{"id":"x","path":"/a/{spelling}/b')
        assert kept == '{"id":"x","path":"/a/sim_***/b', spelling


def test_line_of_an_unknown_kind_is_skipped_only_if_it_says_so() -> None:
    """A gate that is newer than the worker, during an upgrade, writes lines of its own."""
    new = {"id": ID, "at": 1764000000.5, "something": [1, 2], "optional": True}
    assert parse_known_gate_line(json.dumps(new)) is Ignored.IGNORED
    for line in (json.dumps(new | {"optional": 1}), json.dumps({"id": ID}), "[]", json.dumps(new)[:-1], "[" * 5000):
        assert parse_known_gate_line(line) is None


def test_gates_times_may_be_skipped_by_a_worker_that_does_not_know_them() -> None:
    times = DecisionTimes()
    times.add(1.0, 1.5)
    line = times.report(100.0)
    assert line is not None
    assert isinstance(parse_known_gate_line(line.decode().rstrip("\n")), Timed)
    assert is_optional(line.decode().rstrip("\n"))
