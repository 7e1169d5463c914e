"""`simsim scan`: passwords in files and in the history of Git repositories."""
# ruff: noqa: PLC0415 - help answers without the rest

import sys
from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.failures import FAILED
from simsim.operations.output import AsJson, print_list
from simsim.operations.remote.twins import anywhere, is_remote
from simsim.problem import WrongUsage, gettext_noop

COLUMNS = ["place", "line", "password_end"]
OF_TOKENS = ["token_id", "token_name", "token_status"]


@anywhere
def scan(
    *,
    path: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files and folders, or - for standard input.")],
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Leave the history of Git repositories out.")
    ] = False,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Say which tokens of this installation the passwords belong to.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find passwords in files, archives and Git history; exit with 1 if there are any. It needs no installation."""
    from simsim.operations.leak_scan.files import Unread
    from simsim.operations.leak_scan.scan import scan as hits_of

    if tokens and is_remote():
        raise WrongUsage(gettext_noop("--tokens works on the server only."))
    unread = Unread()
    hits = list(hits_of(path, unread, with_history=not no_history))
    items: list[dict[str, object]] = [
        {"place": hit.place, "line": hit.line, "password_end": hit.password[-4:]} for hit in hits
    ]
    if tokens:
        owners = tokens_of([hit.password for hit in hits])
        items = [item | owners[hit.password] for item, hit in zip(items, hits, strict=True)]
    for reason in unread.reasons:
        sys.stderr.write(f"Not read: {reason}\n")
    if items or as_json:
        print_list(items, COLUMNS + OF_TOKENS * tokens, as_json=as_json)
    if hits:
        number = len({hit.password for hit in hits})
        sys.stderr.write(f"simsim: Found {number} password{'s' if number > 1 else ''}: revoke or rotate these tokens\n")
    if hits or unread.reasons:
        raise typer.Exit(FAILED)


@needs_django
def tokens_of(passwords: list[str]) -> dict[str, dict[str, object]]:
    from django.utils import timezone

    from simsim.credential import management_password
    from simsim.management_tokens.selectors import with_management_password
    from simsim.tokens.selectors import with_password

    now = timezone.now()
    found: dict[str, dict[str, object]] = {}
    known: tuple[object, str, str] | None
    for password in passwords:
        if management_password.is_well_formed(password):
            management = with_management_password(password)
            known = (management.pk, management.name, management.state(now)) if management else None
        else:
            token = with_password(password).first()
            known = (token.pk, token.name, token.status(now)) if token else None
        found[password] = {
            "token_id": str(known[0]) if known else None,
            "token_name": known[1] if known else None,
            "token_status": known[2] if known else None,
        }
    return found
