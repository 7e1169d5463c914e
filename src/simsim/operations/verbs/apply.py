"""`simsim apply`: many accounts, as a file says."""
# ruff: noqa: PLC0415 - help answers without Django

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.change_warnings import warn_of_names
from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_json
from simsim.operations.verbs.token_files import opened

if TYPE_CHECKING:
    from simsim.operations.declaration.changes import Change


@needs_django
def apply(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A YAML file with accounts and software; - reads standard input.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring accounts, people, notices, policies and software to what a file says. Doing it twice changes nothing."""
    from django.utils import timezone

    from simsim.accounts.models import Account
    from simsim.operations.declaration.application import Application
    from simsim.operations.declaration.changes import lines
    from simsim.operations.declaration.declared import parse_declaration
    from simsim.operations.declaration.yaml_nodes import MAX_BYTES
    from simsim.tokens.models import TargetSoftware

    with opened(file) as content:
        declaration = parse_declaration(file, content.read(MAX_BYTES + 1))
    changes = Application(file, timezone.now()).apply(declaration, is_dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "changes": [change.document() for change in changes]})
    else:
        typer.echo("\n".join(lines(changes, is_dry_run=dry_run)))
    for kind, model in (("account", Account), ("software", TargetSoftware)):
        warn_of_names(model, new_names(changes, kind))


def new_names(changes: "Sequence[Change]", kind: str) -> list[str]:
    """Return the names that accounts or software get by these changes."""
    return [(change.after or change.name) for change in changes if change.kind == kind and change.action != "remove"]
