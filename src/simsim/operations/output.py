"""What a verb prints: JSON for scripts, tables for people, tab-separated lines where no terminal looks on."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
MIN_COLUMNS = 4
GAP = 3
FOLDED = {"name", "resource", "token name"}
# A table shows seconds, in UTC as everywhere; scripts read the whole of it.
MOMENT = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})[0-9.]*Z$", re.ASCII)
Document = Mapping[str, object]


def print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_lines(documents: Iterable[Document]) -> None:
    """Print each document as one line of JSON."""
    for document in documents:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_list(items: Sequence[Document], columns: Sequence[str], *, as_json: bool, cursor: str | None = None) -> None:
    """Print a list: all of it as `{items, next_cursor}`, or the named columns as a table."""
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
        sys.stderr.write(f"There is more: --cursor {cursor}\n")


def print_one(document: Document, *, as_json: bool, note: str = "") -> None:
    """Print one thing, a line for each field, and a note below for people."""
    if as_json:
        print_json(document)
        return
    width = max(len(title(name)) for name in document)
    for name, value in document.items():
        sys.stdout.write(f"{title(name):<{width}}  {cell(value)}\n")
    if note:
        sys.stdout.write(f"\n{note}\n")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the last columns are left out where the terminal is too narrow for them."""
    from rich import box  # noqa: PLC0415 - a script that pipes never pays for it
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
        # An id or a time that is folded can't be copied.
        table.add_column(name, overflow="fold", no_wrap=name not in FOLDED)
    for row in shown[1:]:
        # Text, not str: a name such as "[red]" is a name, not markup.
        table.add_row(*(Text(text) for text in row[:count]))
    console.print(table)


def title(name: str) -> str:
    return name.replace("_", " ")


def cell(value: object) -> str:
    """Return a value for a terminal; characters that could move the cursor or change colours are replaced."""
    if value is None or value == "":
        return "-"
    if isinstance(value, Mapping):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return ", ".join(cell(part) for part in value) or "-"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
