"""`simsim person`: what is stored about a person, shown, exported and erased."""
# ruff: noqa: PLC0415 - help answers without Django

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.problem import Conflict, Unusable, WrongUsage, gettext_noop

if TYPE_CHECKING:
    from simsim.personal_data.records import Records

people = typer.Typer(no_args_is_help=True, help="People: what is stored about a person.")
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's email address.")]
COLUMNS = ["kind", "rows", "where", "erasure"]
NOT_SEARCHED = "The log of requests is not searched: it names programs and their addresses, not people.\n"
AFTER = (
    "Backups, your SIEM, and the receivers of webhooks and emails have what they were sent before. A restored backup "
    "brings the person back, and simsim restore says so."
)


@people.command("show")
@needs_django
def show(email: Email, as_json: AsJson = False) -> None:
    """List the rows that name a person, by kind of row, and what an erasure would do to them. It changes nothing."""
    from simsim.personal_data.records import NOBODY, person_of, records_of
    from simsim.problem import NotFound

    found = records_of(person_of(email))
    if not found:
        raise NotFound(NOBODY, email=email)
    print_list([each.document() for each in found], COLUMNS, as_json=as_json)
    if not as_json:
        sys.stderr.write(NOT_SEARCHED)


@people.command("export")
@needs_django
def export(
    email: Email,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, which only its owner can read.")],
    as_json: AsJson = False,
) -> None:
    """Write everything about a person into one JSON file, without passwords, keys and digests.

    It can name other people: look through it before you hand it over. The audit trail records the export.
    """
    from django.core.serializers.json import DjangoJSONEncoder
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.personal_data.export import export_person

    if path.exists():
        raise Conflict(gettext_noop("%(path)s is there already. Name a new file."), path=str(path))
    exported = export_person(actor=OPERATOR, email=email, now=timezone.now())
    text = json.dumps(exported, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False) + "\n"
    write_new(path, text)
    rows = exported["rows"]
    count = sum(map(len, rows.values())) if isinstance(rows, dict) else 0
    print_one({"email": exported["email"], "file": str(path), "rows": count}, as_json=as_json)


@people.command("erase")
@needs_django
def erase(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask. Needed when no terminal is there to ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person: end their access, delete what is only theirs, and replace their address by a random name.

    It can't be undone. The audit trail and signed access reviews keep the address for proof, and the command says in
    how many rows. Doing it twice does no harm.
    """
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.personal_data.erasure import erase_person

    confirm(email, is_given=yes)
    done = erase_person(actor=OPERATOR, email=email, now=timezone.now())
    document = {
        "pseudonym": done.pseudonym,
        "erased_rows": done.changed,
        "kept": [each.document() for each in done.kept],
    }
    if as_json:
        print_one(document, as_json=True)
        return
    print_one({"pseudonym": done.pseudonym, "erased_rows": done.changed}, as_json=False)
    sys.stdout.writelines(f"{sentence(each)}\n" for each in done.kept)
    sys.stdout.write(f"\n{AFTER}\n")


def sentence(records: "Records") -> str:
    rows = "1 row" if records.rows == 1 else f"{records.rows} rows"
    return f"{records.kind}: {rows} still name the person; {records.erasure}"


def confirm(email: str, *, is_given: bool) -> None:
    """Ask before what can't be undone; raise WrongUsage if there is nobody to ask."""
    if is_given:
        return
    if not sys.stdin.isatty():
        raise WrongUsage("An erasure can't be undone. Give --yes to confirm it")
    typer.confirm(f"Erase {email}? This can't be undone.", abort=True, err=True)


def write_new(path: Path, text: str) -> None:
    """Write a new file that only its owner can read; raise Unusable if that fails."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unusable(gettext_noop("%(path)s can't be written (%(reason)s)"), path=str(path), reason=reason) from error
