"""The log as a file: CSV for spreadsheets, JSON lines for programs, in pieces of one size however long it is."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

from simsim.request_log.models import LoggedRequest
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import document, list_requests

PIECE_ROWS = 1000
# A search for few rows among many comes up for air, so that whoever has gone is not searched for much longer.
PATIENCE_SECONDS = 1.0
COLUMNS = (
    "id", "received_at", "method", "resource", "status", "outcome", "reason", "detail", "duration_seconds", "token_id",
    "token_name", "address",
)  # fmt: skip
# A spreadsheet runs a cell that begins so (ASVS 1.2.10), in some locales also with the full-width forms. Where it takes
# another character than the comma for the separator, a cell may begin after that one.
_may_run = re.compile(r"(\A|(?<=[;\t\r\n]))('*)(?=[=+\-@\t\r\n\0＝＋－＠])")


class Format(StrEnum):
    """What a file of the log can be."""

    CSV = "csv"
    JSONL = "jsonl"


def pieces_of(filters: LogFilters) -> Iterator[list[LoggedRequest]]:
    """Yield the rows that pass, newest first, up to PIECE_ROWS at a time and sometimes none: the search then goes on.

    Rows that arrive meanwhile are not among them. Raises Invalid, at the first piece, for a status that is none.
    """
    cursor: str | None = None
    while True:
        page = list_requests(filters, limit=PIECE_ROWS, cursor=cursor, patience_seconds=PATIENCE_SECONDS)
        yield page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def written(pieces: Iterable[list[LoggedRequest]], form: Format) -> Iterator[bytes]:
    """Yield the file in UTF-8, a part for each piece; nothing before the first piece is there."""
    heading = csv_lines([COLUMNS]) if form is Format.CSV else b""
    write = as_csv if form is Format.CSV else as_json_lines
    for piece in pieces:
        yield heading + write(piece)
        heading = b""


def as_csv(rows: Iterable[LoggedRequest]) -> bytes:
    """Return the rows as CSV (RFC 4180), in the contract's fields, with cells that no spreadsheet runs."""
    documents = (document(row) for row in rows)
    return csv_lines([cell(fields[name]) for name in COLUMNS] for fields in documents)


def as_json_lines(rows: Iterable[LoggedRequest]) -> bytes:
    """Return the rows in the contract's JSON, one on each line, as they are in the log."""
    return "".join(json.dumps(document(row), ensure_ascii=False) + "\n" for row in rows).encode()


def csv_lines(lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()


def cell(value: object) -> str:
    """Return a value as a cell: "" for None; an apostrophe goes before what would be run, and before what looks so."""
    return "" if value is None else _may_run.sub(r"'\2", str(value))
