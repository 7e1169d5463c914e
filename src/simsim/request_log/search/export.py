"""The log as a file: CSV for spreadsheets, JSON lines for programs, in pieces of bounded size."""

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
# How often a long search for few rows pauses, so that it ends soon after its client disconnects.
PATIENCE_SECONDS = 1.0
COLUMNS = (
    "id", "received_at", "method", "resource", "status", "outcome", "reason", "detail", "duration_seconds", "token_id",
    "token_name", "address",
)  # fmt: skip
# A spreadsheet runs a cell that begins with such a character (ASVS 1.2.10), or in some locales with its full-width
# form. A spreadsheet that uses another separator than the comma begins a cell after each of those separators.
_may_run = re.compile(r"(\A|(?<=[;\t\r\n]))('*)(?=[=+\-@\t\r\n\0＝＋－＠])")


class Format(StrEnum):
    """The file formats of an export."""

    CSV = "csv"
    JSONL = "jsonl"


def pieces_of(filters: LogFilters) -> Iterator[list[LoggedRequest]]:
    """Yield the rows that pass the filters, newest first, at most PIECE_ROWS at a time. More pieces may follow an empty
    one.

    Rows that arrive meanwhile are left out. Raises Invalid, at the first piece, for an invalid status.
    """
    cursor: str | None = None
    while True:
        page = list_requests(filters, limit=PIECE_ROWS, cursor=cursor, patience_seconds=PATIENCE_SECONDS)
        yield page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def written(pieces: Iterable[list[LoggedRequest]], form: Format) -> Iterator[bytes]:
    """Yield the file in UTF-8, one part for each piece; the heading comes with the first piece."""
    heading = csv_lines([COLUMNS]) if form is Format.CSV else b""
    write = as_csv if form is Format.CSV else as_json_lines
    for piece in pieces:
        yield heading + write(piece)
        heading = b""


def as_csv(rows: Iterable[LoggedRequest]) -> bytes:
    """Return the rows as CSV (RFC 4180), with the log's documented fields and no cell that a spreadsheet would run."""
    documents = (document(row) for row in rows)
    return csv_lines([cell(fields[name]) for name in COLUMNS] for fields in documents)


def as_json_lines(rows: Iterable[LoggedRequest]) -> bytes:
    """Return the rows in the log's documented JSON, one on each line, with their values unchanged."""
    return "".join(json.dumps(document(row), ensure_ascii=False) + "\n" for row in rows).encode()


def csv_lines(lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()


def cell(value: object) -> str:
    """Return a value as a cell: "" for None. Text that a spreadsheet would run gets an apostrophe in front."""
    return "" if value is None else _may_run.sub(r"'\2", str(value))
