"""The output of verbs: JSON for scripts, tables for people, tab-separated lines when stdout is not a terminal."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
MIN_COLUMNS = 4
GAP = 3
FOLDED = {"name", "resource", "token name"}
# Tables show whole seconds in UTC; JSON has the full precision.
MOMENT = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})[0-9.]*Z$", re.ASCII)
Document = Mapping[str, object]


def print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_lines(documents: Iterable[Document]) -> None:
    """Print each document as one line of JSON."""
    for document in documents:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def write_parts(parts: Iterable[bytes]) -> None:
    """Write bytes to standard output, because Python would convert the line ends of text."""
    try:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. Without this, Python prints an error again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_list(items: Sequence[Document], columns: Sequence[str], *, as_json: bool, cursor: str | None = None) -> None:
    """Print a list: as JSON, `{items, next_cursor}`, or the named columns as a table."""
    if as_json:
        print_json({"items": list(items), "next_cursor": cursor})
        return
    titles = [title(column) for column in columns]
    rows = [[cell(item.get(column)) for column in columns] for item in items]
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in [titles, *rows])
    else:
        print_table(titles, rows)
    if cursor:
        sys.stderr.write(f"More items follow: --cursor {cursor}\n")


def print_one(document: Document, *, as_json: bool, note: str = "") -> None:
    """Print one object, with a line for each field, and below it a note for people."""
    if as_json:
        print_json(document)
        return
    width = max(len(title(name)) for name in document)
    for name, value in document.items():
        sys.stdout.write(f"{title(name):<{width}}  {cell(value)}\n")
    if note:
        sys.stdout.write(f"\n{note}\n")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; on a narrow terminal the last columns are left out."""
    from rich import box  # noqa: PLC0415 - needed only for tables on a terminal
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    shown = [[MOMENT.sub(r"\1 \2", text) for text in row] for row in (titles, *rows)]
    widths = [max(len(row[index]) for row in shown) + GAP for index in range(len(titles))]
    count = len(titles)
    while count > MIN_COLUMNS and sum(widths[:count]) > console.width:
        count -= 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in titles[:count]:
        # Do not wrap: an id or a time that wraps can't be copied.
        table.add_column(name, overflow="fold", no_wrap=name not in FOLDED)
    for row in shown[1:]:
        # Use Text, not str, because a name such as "[red]" would be read as markup.
        table.add_row(*(Text(text) for text in row[:count]))
    console.print(table)


def title(name: str) -> str:
    return name.replace("_", " ")


def cell(value: object) -> str:
    """Return a value as text for a terminal, without characters that could move the cursor or change colours."""
    if value is None or value == "":
        return "-"
    if isinstance(value, Mapping):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return ", ".join(cell(part) for part in value) or "-"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
