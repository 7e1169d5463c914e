"""Parses whole commands with the real command line, without running them."""

from typing import Any

import typer
from typer.core import TyperGroup

from simsim.operations.command_line import app
from simsim.operations.remote import twins

GROUP = typer.main.get_group(app)
# Typer's base class of every mistake in the arguments.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def parse(arguments: list[str]) -> None:
    """Parse a whole command without running it; raise UsageError if it is wrong."""
    command: Any = GROUP
    if arguments[:1] == ["--server"]:
        # The management token says whose account it is, and who acts.
        arguments, command = arguments[2:], typer.main.get_group(app)
        twins.prepare(command)
    while isinstance(command, TyperGroup):
        name = next((word for word in arguments if not word.startswith("-")), None)
        if name is None:
            break
        found = command.commands.get(name)
        if found is None:
            raise typer.BadParameter(f"no verb {name}")
        arguments = [*arguments[: arguments.index(name)], *arguments[arguments.index(name) + 1 :]]
        command = found
    if not isinstance(command, TyperGroup):
        command.make_context(command.name, list(arguments))
