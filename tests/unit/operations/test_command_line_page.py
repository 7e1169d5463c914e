"""The page about the command line tells of every verb what its help tells."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from simsim.operations import failures
from simsim.operations.command_line import app

PAGE = Path(__file__).parents[3] / "docs" / "operators" / "command-line.md"


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    commands = getattr(command, "commands", None)
    if commands is None:
        yield " ".join(path), command
        return
    for name, below in commands.items():
        yield from verbs(below, (*path, name))


def row(verb: str, command: Any) -> str:
    """Return the verb's row in the page's table."""
    arguments, options = "", []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            arguments += f" {parameter.metavar}" if parameter.required else f" [{parameter.metavar}]"
        elif parameter.name != "as_json":
            typed = "/".join(f"`{name}`" for name in (parameter.opts[0], *parameter.secondary_opts[:1]))
            options.append(typed if parameter.required else f"[{typed}]")
    told = " ".join((command.help or "").split("\n\n")[0].split())
    return f"| `simsim {verb}{arguments}` | {told} | {' '.join(options)} |"


ROWS = {verb: row(verb, command) for verb, command in verbs(typer.main.get_group(app))}


@pytest.mark.covers("B7")
@pytest.mark.parametrize("verb", ROWS)
def test_page_has_the_verb_as_its_help_tells_it(verb: str) -> None:
    assert ROWS[verb] in PAGE.read_text(encoding="utf-8").splitlines(), f"the page lacks this line:\n{ROWS[verb]}"


@pytest.mark.covers("B7")
def test_page_has_no_verb_that_is_gone_and_every_exit_status() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line.startswith("| `simsim ")} == set(ROWS.values())
    for status in {0, failures.FAILED, *failures.EXIT_STATUSES.values()}:
        assert any(line.startswith(f"| {status} | ") for line in lines)
