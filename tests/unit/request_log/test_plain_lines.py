"""Lines parsed many at once give the same values as one by one, except lines that may hold a password."""

import json
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential import decision, password
from simsim.credential.allowlist import parse_address
from simsim.gate.decided_line import decided_line, frame
from simsim.request_log.ship.batch import GATE, LineParser, Reading, parse_known_gate_line
from simsim.request_log.ship.counted_lines import Counted
from simsim.request_log.ship.lines import Completed, Decided, Missed, Timed, parse_completed, parse_gate_line
from simsim.request_log.ship.plain_lines import plain_completed, plain_decided
from simsim.request_log.ship.spool_files import gate_files

pytestmark = pytest.mark.covers("R17")
ID = "0123456789abcdef" * 2
ACME, READER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
DECIDED: dict[str, Any] = {
    "id": ID, "at": 1764000000.123456, "reason": "ok", "cause": "ok", "account": ACME, "token": READER,
    "name": "reader", "method": "GET", "path": "/x", "address": "203.0.113.9", "via": None,
}  # fmt: skip
COMPLETED: dict[str, Any] = {
    "id": ID, "at": 1764000000.123, "seconds": 0.125, "status": 200, "bytes": 5,
    "method": "GET", "path": "/x", "address": "203.0.113.9",
}  # fmt: skip
TEXTS = st.text(st.sampled_from('abz/09 _-.~%?{}[]"\\\n\r\x7f\u2028simSIM_é\0'), max_size=40)
CHANGES = st.dictionaries(
    st.sampled_from(sorted(DECIDED | COMPLETED)), TEXTS | st.none() | st.floats() | st.integers(), max_size=3
)
BLOCKS = st.lists(st.tuples(CHANGES, st.booleans()), min_size=1, max_size=6)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def line(fields: dict[str, Any], changes: dict[str, Any], *, spaced: bool = False) -> str:
    known = {name: value for name, value in changes.items() if name in fields}
    return json.dumps(fields | known, separators=(", ", ": ") if spaced else (",", ":"), ensure_ascii=False)


def gate_line(at: datetime = NOW, path: str = "/api?x=1", name: str = "Power BI") -> str:
    expires_at = datetime(2027, 1, 1, tzinfo=UTC)
    record = decision.Record(READER, ACME, name, bytes(32), expires_at, False, b"", None)
    address = parse_address("203.0.113.9")
    framed = frame(decision.OK, account=ACME, record=record, address=address)
    written = decided_line(ID, at.timestamp(), framed, method="GET", target=path)
    return written.decode().rstrip("\n")


@given(BLOCKS)
def test_line_is_parsed_among_many_as_it_is_alone(changed: list[tuple[dict[str, Any], bool]]) -> None:
    decided = [line(DECIDED, changes, spaced=spaced) for changes, spaced in changed]
    completed = [line(COMPLETED, changes, spaced=spaced) for changes, spaced in changed]
    for text, found in zip(decided, plain_decided("\n".join(decided)), strict=True):
        assert found is None or found == parse_gate_line(text)
    for text, ended in zip(completed, plain_completed("\n".join(completed)), strict=True):
        assert ended is None or ended == parse_completed(text)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_times_of_plain_lines_are_as_exact_as_those_of_others(at: datetime) -> None:
    text = gate_line(at)
    assert plain_decided(text) == [parse_gate_line(text)]


@given(st.lists(st.text(), min_size=1))
def test_there_is_one_result_for_each_line(texts: list[str]) -> None:
    block = "\n".join(texts)
    nothing = [None] * (block.count("\n") + 1)
    assert plain_decided(block) == nothing
    assert plain_completed(block) == nothing


def test_the_lines_that_gate_and_gateway_write_are_plain() -> None:
    (found,) = plain_decided(gate_line())
    assert isinstance(found, Decided)
    ended = plain_completed("\n".join([line(COMPLETED, {}), "", line(COMPLETED, {"path": "/y"})]))
    assert [type(each) for each in ended] == [Completed, type(None), Completed]


def test_line_that_may_hold_a_password_is_left_for_masking() -> None:
    secret = password.mint()
    texts = [line(DECIDED, {}), line(DECIDED, {"path": f"/{secret}"}), line(DECIDED, {"path": "/SIM_" + secret[4:]})]
    first, *secrets = plain_decided("\n".join(texts))
    assert first is not None
    assert secrets == [None, None]
    assert plain_completed(line(COMPLETED, {"path": f"/{secret}"})) == [None]
    # A method of the maximum length is too short for a whole password.
    assert plain_decided(line(DECIDED, {"method": secret})) == [None]
    assert plain_completed(line(COMPLETED, {"method": secret})) == [None]


def one_gates_line(number: int) -> st.SearchStrategy[str]:
    at = st.integers(0, 9).map(lambda second: NOW.replace(second=second, microsecond=number))
    plain = at.map(gate_line)
    special = at.map(lambda moment: gate_line(moment, path=f"/é/{password.mint()}", name="“Läser”"))
    gap = st.just(f'{{"id":"{ID}","gap":3,"from":1764000000.5,"until":{NOW.timestamp() + 3}}}')
    broken = st.sampled_from(["", "rubbish", '{"id":"0', "\ufffdx", '{"id":"' + gate_line()])
    return plain | plain | special | gap | broken


GATES_FILES = st.tuples(*(one_gates_line(number) for number in range(8)), st.booleans())


@given(GATES_FILES, st.none() | st.integers(0, 9))
def test_file_gives_the_same_lines_in_blocks_and_one_by_one(texts: tuple[Any, ...], second: int | None) -> None:
    *written, is_whole = texts
    until = None if second is None else NOW.replace(second=second)
    data = "\n".join([gate_line(), *written]).encode() + b"\n" * is_whole
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "gate-1.jsonl").write_bytes(data)
        in_blocks, by_line = Reading({}), Reading({})
        parsed: list[list[Decided | Missed | Timed | Counted]] = []
        line_by_line: LineParser[Decided | Missed | Timed | Counted] = LineParser(parse_known_gate_line)
        for reading, parser in ((in_blocks, GATE), (by_line, line_by_line)):
            for file in gate_files(Path(directory)):
                parsed.append([])
                reading._read(file, len(data), parser, parsed[-1], until=until)
    assert parsed[0] == parsed[1]
    assert (in_blocks.broken, in_blocks.moves) == (by_line.broken, by_line.moves)
    assert len(in_blocks.shipped) == len(by_line.shipped)
