"""`simsim status`: what runs where, since when, and how far it is behind."""
# ruff: noqa: PLC0415 - help answers without Django

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_settings
from simsim.operations.output import AsJson, cell, print_json, print_lines
from simsim.problem import ServiceUnavailable, gettext_noop

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import RenderableType

    from simsim.health.status import Status

WATCH_SECONDS = 2.0
Watch = Annotated[bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")]


@needs_settings
def status(watch: Watch = False, as_json: AsJson = False) -> None:
    """Show what runs on this node and on the others, since when, and how far it is behind."""
    from simsim.health.status import read_status

    if watch and not as_json and sys.stdout.isatty():
        show_live()
        return
    for each in watched() if watch else ():
        show(each, as_json=as_json, is_watched=True)
    found = read_status(now())
    show(found, as_json=as_json, is_watched=False)
    if silent := [each.alias for each in found.databases if each.size_bytes is None]:
        raise ServiceUnavailable(gettext_noop("These databases do not answer: %(which)s"), which=", ".join(silent))


def show(found: "Status", *, as_json: bool, is_watched: bool) -> None:
    from simsim.health.status import document

    if as_json and is_watched:
        print_lines([document(found)])
    elif as_json:
        print_json(document(found))
    else:
        sys.stdout.write("\n".join(lines_of(found)) + "\n")
        sys.stdout.flush()


def watched() -> "Iterator[Status]":
    """Yield the status, again and again."""
    from simsim.health.status import read_status

    while True:
        yield read_status(now())
        time.sleep(WATCH_SECONDS)


def show_live() -> None:
    from rich.live import Live

    with Live(auto_refresh=False, screen=True) as live:
        try:
            for found in watched():
                live.update(coloured(lines_of(found)), refresh=True)
        except KeyboardInterrupt:
            return


def coloured(lines: list[str]) -> "RenderableType":
    from rich.text import Text

    return Text("\n").join(Text(line, style="bold red" if " WRONG  " in line else "") for line in lines)


def lines_of(found: "Status") -> list[str]:
    """Return the status as lines of text."""
    from simsim.health import sentences

    said = [f"Simsim {found.version} on {found.host} at {found.at:%Y-%m-%d %H:%M:%S} UTC"]
    for title, part in (
        ("This node", sentences.this_node),
        ("Workers", sentences.workers),
        ("Installation", sentences.whole),
    ):
        rows = list(part(found))
        width = max(len(row.name) for row in rows)
        said += ["", title]
        said += [f"  {'ok' if row.is_good else 'WRONG':<5}  {row.name:<{width}}  {cell(row.text)}" for row in rows]
    return said


def now() -> "datetime":
    from django.utils import timezone

    return timezone.now()
