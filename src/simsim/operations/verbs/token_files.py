"""`simsim token import` and `export`: many tokens as lines of JSON, and existing credentials as CSV."""
# ruff: noqa: PLC0415 - help answers without Django

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_lines, print_one
from simsim.operations.progress import tracked
from simsim.operations.remote import tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.token import AccountId, NoNotice, StatusName
from simsim.problem import FieldError, Invalid, Problem, gettext_noop

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A file with a token on each line, as a JSON object or in columns of CSV; - reads standard input.",
    ),
]


@needs_django
def import_tokens(
    *,
    file: File,
    account: Annotated[str | None, typer.Option(metavar="ID", help="The account for lines that name none.")] = None,
    acting_as: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="The administrator to act as, for lines that name none.")
    ] = None,
    no_notice: NoNotice = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, and import nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create all tokens of a file, or none of them, and print each with its credentials as a line of JSON.

    A line is {"name": "Power BI", "expires": "90d"}. It may also have description, software, allow and limit (lists),
    report_only, account and as.

    To import existing credentials, give a CSV file whose first line names the columns: name, expires, and password or
    sha256; also username, description, software, allow, report_only, account and as. If the import is interrupted, run
    it again: it continues.
    """
    from simsim.operations.credential_lines import is_csv

    with opened(file) as read:
        content = read.read()
    bring = import_credentials if is_csv(content) else create_tokens
    bring(content, account=account, acting_as=acting_as, no_notice=no_notice, dry_run=dry_run, as_json=as_json)


def create_tokens(
    content: bytes, *, account: str | None, acting_as: str | None, no_notice: bool, dry_run: bool, as_json: bool
) -> None:
    """Create a token for each line of JSON, and print each with its credentials."""
    from django.utils import timezone

    from simsim.operations.token_lines import drafts_of
    from simsim.tokens import token_import
    from simsim.tokens.selectors import document

    drafts = drafts_of(content.split(b"\n"), account=account, acting_as=acting_as)
    now = timezone.now()
    if dry_run:
        token_import.try_import(drafts, now=now)
        print_one({"tokens": len(drafts)}, as_json=as_json, note="Nothing was imported.")
        return
    created = token_import.import_tokens(drafts, is_quiet=no_notice, now=now)
    # Print only after the commit: a printed password must work.
    print_created(
        [
            document(token, None, now=now) | {"username": secret.username, "password": secret.password}
            for token, secret in created
        ]
    )


def import_credentials(
    content: bytes, *, account: str | None, acting_as: str | None, no_notice: bool, dry_run: bool, as_json: bool
) -> None:
    """Import the credentials of a CSV file, and print how many there were."""
    from django.utils import timezone

    from simsim.operations.credential_lines import credentials_in
    from simsim.tokens.credential_import import CredentialImport

    brought = credentials_in(content, account=account, acting_as=acting_as)
    file_id = hashlib.sha256(content).hexdigest()
    bringing = CredentialImport(brought, file_id=file_id, is_quiet=no_notice, now=timezone.now())
    total = len(brought)
    new = sum(tracked(bringing.check(), of=total, what="Checking")) - bringing.skipped
    if dry_run:
        found = {"tokens": new, "imported_before": bringing.skipped}
        print_one(found, as_json=as_json, note="Nothing was imported.")
        return
    sum(tracked(bringing.write(), of=new, what="Importing"))
    done = {"imported": bringing.imported, "imported_before": bringing.skipped}
    note = "Their programs keep their credentials. simsim token export lists the tokens with their ids."
    print_one(done, as_json=as_json, note=note)


def print_created(documents: list[dict[str, object]]) -> None:
    """Print the tokens. If printing ends early, raise a Problem that says how to get the passwords."""
    try:
        print_lines(documents)
    except OSError as error:
        # Otherwise Python prints an error again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Problem(
            gettext_noop(
                "All %(count)s tokens were created, but printing them ended early (%(why)s). List them with simsim "
                "token list, and print a password again with simsim token credentials ID --as EMAIL."
            ),
            count=str(len(documents)),
            why=error.strerror or type(error).__name__,
        ) from None


@remotely(remote.export_tokens)
@needs_django
def export_tokens(
    account: AccountId,
    status: Annotated[StatusName | None, typer.Option(help="Only tokens with this status.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print an account's tokens as lines of JSON, without passwords. `simsim token import` reads them."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.audit.events import Event
    from simsim.operations.arguments import find_account
    from simsim.operations.operator_events import record_operator_act
    from simsim.tokens.models import Status
    from simsim.tokens.selectors import documents, tokens_of

    del as_json  # the output is JSON already
    now = timezone.now()
    wanted = Status(status.value) if status else None
    found = find_account(account, actor=OPERATOR)
    tokens = tokens_of(found, actor=OPERATOR, status=wanted, now=now)
    record_operator_act(Event.TOKENS_EXPORTED, {"status": wanted}, account_id=found.pk, now=now)
    print_lines(documents(tokens, now=now))


@contextlib.contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """Open the file, `-` for standard input; raise Invalid if it can't be read."""
    try:
        if file == "-":
            yield sys.stdin.buffer
        else:
            with Path(file).open("rb") as lines:
                yield lines
    except OSError as error:
        message = gettext_noop("%(file)s can't be read: %(why)s")
        raise Invalid(FieldError("file", message, {"file": file, "why": str(error.strerror)})) from None
