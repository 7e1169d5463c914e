"""What `simsim status` and `simsim doctor` print, whether they look here or ask a server."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from simsim.operations.output import Document, cell, print_json, print_lines
from simsim.problem import ServiceUnavailable, Unusable, gettext_noop

if TYPE_CHECKING:
    from rich.console import RenderableType

STATUS_SECONDS, EXAMINATION_SECONDS = 2.0, 10.0
CLEAR = "\x1b[H\x1b[2J"
LABELS = {"ok": "ok", "wrong": "WRONG", "not_started": "not yet"}


@dataclass(frozen=True)
class View:
    """A status as JSON, and in words: sections, each with lines that say whether a part is well."""

    document: Mapping[str, Any]
    sections: Sequence[Mapping[str, Any]]


def show_status(read: Callable[[], View], *, watch: bool, as_json: bool) -> None:
    """Print the status, again and again if it is watched; raise ServiceUnavailable for a database that is silent."""
    if watch and not as_json and sys.stdout.isatty():
        show_live(read)
        return
    for each in watched(read) if watch else ():
        print_status(each, as_json=as_json, is_watched=True)
    found = read()
    print_status(found, as_json=as_json, is_watched=False)
    if silent := [each["alias"] for each in found.document["databases"] if each["size_bytes"] is None]:
        raise ServiceUnavailable(gettext_noop("These databases do not answer: %(which)s"), which=", ".join(silent))


def print_status(found: View, *, as_json: bool, is_watched: bool) -> None:
    if as_json and is_watched:
        print_lines([found.document])
    elif as_json:
        print_json(found.document)
    else:
        sys.stdout.write("\n".join(lines_of(found)) + "\n")
        sys.stdout.flush()


def watched(read: Callable[[], View]) -> Iterator[View]:
    """Yield the status, again and again."""
    while True:
        yield read()
        time.sleep(STATUS_SECONDS)


def show_live(read: Callable[[], View]) -> None:
    from rich.live import Live  # noqa: PLC0415 - needed only on a terminal

    with Live(auto_refresh=False, screen=True) as live:
        try:
            for found in watched(read):
                live.update(coloured(lines_of(found)), refresh=True)
        except KeyboardInterrupt:
            return


def coloured(lines: list[str]) -> "RenderableType":
    from rich.text import Text  # noqa: PLC0415

    return Text("\n").join(Text(line, style="bold red" if " WRONG  " in line else "") for line in lines)


def lines_of(found: View) -> list[str]:
    """Return the status as lines of text."""
    at = datetime.fromisoformat(found.document["at"])
    said = [f"Simsim {found.document['version']} on {found.document['host']} at {at:%Y-%m-%d %H:%M:%S} UTC"]
    for section in found.sections:
        rows = section["lines"]
        width = max(len(row["name"]) for row in rows)
        said += ["", section["title"]]
        said += [f"  {'ok' if row['ok'] else 'WRONG':<5}  {row['name']:<{width}}  {cell(row['text'])}" for row in rows]
    return said


def show_findings(examine: Callable[[], Sequence[Document]], *, watch: bool, as_json: bool) -> None:
    """Print the findings, again and again if they are watched; raise Unusable if something is wrong."""
    while watch:
        # Only a terminal can be cleared; in a file, each examination follows the one before.
        print_findings(examine(), as_json=as_json, is_watched=True)
        time.sleep(EXAMINATION_SECONDS)
    findings = examine()
    print_findings(findings, as_json=as_json)
    if wrong := [str(finding["subject"]) for finding in findings if not finding["ok"]]:
        raise Unusable("Something is wrong with: %(what)s", what=", ".join(wrong))


def print_findings(findings: Sequence[Document], *, as_json: bool, is_watched: bool = False) -> None:
    if as_json:
        found = {"items": list(findings), "next_cursor": None}
        print_lines([found]) if is_watched else print_json(found)
        return
    if is_watched:
        typer.echo(f"{CLEAR if sys.stdout.isatty() else ''}{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    for finding in findings:
        typer.echo(f"{LABELS[str(finding['state'])]:<7}  {finding['subject']}: {finding['detail']}")
