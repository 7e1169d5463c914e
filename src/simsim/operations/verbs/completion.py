"""`simsim completion`: what a shell needs to complete commands and options."""
# ruff: noqa: PLC0415 - needed only when it runs

from enum import StrEnum
from typing import Annotated

import typer

from simsim.operations.output import AsJson, print_json
from simsim.operations.remote.twins import anywhere

VARIABLE = "_SIMSIM_COMPLETE"


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@anywhere
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")], as_json: AsJson = False
) -> None:
    """Print a script that lets a shell complete commands and options with the Tab key."""
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="simsim", complete_var=VARIABLE, shell=shell.value)
    print_json({"script": script}) if as_json else typer.echo(script)
