"""A spreadsheet runs no cell of an exported log, for any text in a request, and no text is lost."""

import csv
import io
import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.request_log.models import LoggedRequest
from simsim.request_log.search.export import COLUMNS, Format, cell, written

pytestmark = pytest.mark.covers("R17")
RUN = "=+-@\t\r\n\0＝＋－＠"
TEXTS = st.text(st.sampled_from([*RUN, *"';,\"ab1 "]) | st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = TEXTS | st.none()


def unmarked(text: str) -> str:
    """Return a cell's original value, as the documentation tells programs to read it."""
    return re.sub(rf"(\A|(?<=[;\t\r\n]))'('*)(?=[{re.escape(RUN)}])", r"\2", text)


def request(resource: str, name: str | None = None, method: str = "GET") -> LoggedRequest:
    return LoggedRequest(
        id=1838614118400000249, received_at=datetime(2026, 11, 24, tzinfo=UTC), method=method, resource=resource,
        status=200, outcome="accepted", reason="ok", cause="ok", token_name=name, address="203.0.113.9",
    )  # fmt: skip


@given(TEXTS)
def test_no_cell_begins_with_a_formula(text: str) -> None:
    made = cell(text)
    assert not made.startswith(tuple(RUN))
    # If a spreadsheet takes the semicolon for the separator, a cell also begins after each semicolon.
    assert not any(part.startswith(tuple(RUN)) for part in made.split(";"))
    assert unmarked(made) == text


@given(TEXTS, NAMES, TEXTS)
def test_csv_file_is_read_back_unchanged(resource: str, name: str | None, method: str) -> None:
    rows = [request(resource, name, method), request("/last")]
    text = b"".join(written([rows[:1], [], rows[1:]], Format.CSV)).decode()
    heading, *lines = csv.reader(io.StringIO(text, newline=""))
    assert heading == list(COLUMNS)
    assert all(len(line) == len(COLUMNS) for line in lines)
    assert not any(each.startswith(tuple(RUN)) for line in lines for each in line)
    first = dict(zip(COLUMNS, lines[0], strict=True))
    assert [unmarked(first[column]) for column in ("resource", "token_name", "method")] == [
        resource,
        name or "",
        method,
    ]
    assert lines[1][COLUMNS.index("resource")] == "/last"


@given(TEXTS, NAMES, TEXTS)
def test_json_line_holds_the_text_unchanged(resource: str, name: str | None, method: str) -> None:
    line, end = b"".join(written([[request(resource, name, method)]], Format.JSONL)).split(b"\n")
    assert end == b""
    read = json.loads(line)
    assert [read[column] for column in ("resource", "token_name", "method")] == [resource, name, method]
    assert tuple(read) == COLUMNS


def test_cells_are_quoted_by_the_standard() -> None:
    assert b'"a,""b""",' in b"".join(written([[request('a,"b"')]], Format.CSV))
    assert cell("'quoted'") == "'quoted'"
    assert cell("=1+1") == "'=1+1"
    assert cell("'=1+1") == "''=1+1"
    assert cell("/a;=1") == "/a;'=1"
    assert cell(None) == ""
