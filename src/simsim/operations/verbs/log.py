"""`simsim log`: the request log of an account."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, write_parts
from simsim.operations.remote import reports as remote
from simsim.operations.remote.twins import remotely
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.request_log.outcome import Outcome

if TYPE_CHECKING:
    from simsim.accounts.models import Account
    from simsim.request_log.search.filters import LogFilters


class FileFormat(StrEnum):
    """The formats of `request_log.search.export`, which help does not import."""

    CSV = "csv"
    JSONL = "jsonl"


log = typer.Typer(no_args_is_help=True, help="The request log: every request, accepted or refused.")
SET_ASIDE_COLUMNS = ["found_at", "name", "offset", "text"]
COLUMNS = ["received_at", "method", "resource", "status", "reason", "token_name", "address", "duration_seconds"]

AccountId = Annotated[str, typer.Option(metavar="ID", help="The account's id.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Requests since this time or day (UTC).")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Requests before this time, or through this day.")]
Endpoint = Annotated[
    str | None, typer.Option(metavar="PATH", help="This path, or every path that begins with this: /api/*")
]
Status = Annotated[str | None, typer.Option(metavar="N", help="A status such as 401, or a class such as 4xx.")]
OutcomeOption = Annotated[Outcome | None, typer.Option(help="Only requests with this outcome.")]
Address = Annotated[str | None, typer.Option(metavar="IP", help="Requests from this address.")]
TokenId = Annotated[str | None, typer.Option(metavar="ID", help="Requests with this token.")]
Software = Annotated[
    str | None,
    typer.Option(metavar="SLUG", help="Requests with tokens for this software; none means tokens without software."),
]


@log.command("list")
@remotely(remote.list_log, columns=COLUMNS)
@needs_django
def list_log(
    *,
    account: Annotated[str | None, typer.Option(metavar="ID", help="The account's id.")] = None,
    all_accounts: Annotated[
        bool, typer.Option("--all-accounts", help="Every account, and requests without an account.")
    ] = False,
    since: Since = None,
    until: Until = None,
    endpoint: Endpoint = None,
    status: Status = None,
    outcome: OutcomeOption = None,
    address: Address = None,
    token: TokenId = None,
    software: Software = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of items.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the requests of one account, or of all, newest first."""
    from simsim.account_log.requests import requests_of, requests_of_all
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.request_log.search.selectors import document

    if (account is None) != all_accounts:
        raise typer.BadParameter("give either --account ID or --all-accounts")
    if all_accounts and software is not None:
        raise typer.BadParameter("--software needs --account ID")
    found = None if account is None else find_account(account, actor=OPERATOR)
    filters = filters_of(found, FilterOptions(since, until, endpoint, status, token, software, outcome, address))
    if found is None:
        page = requests_of_all(actor=OPERATOR, filters=filters, limit=limit, cursor=cursor)
        items = [document(row) | {"account_id": str(row.account_id) if row.account_id else None} for row in page.items]
        print_list(items, [*COLUMNS, "account_id"], as_json=as_json, cursor=page.next_cursor)
        return
    page = requests_of(found, actor=OPERATOR, filters=filters, limit=limit, cursor=cursor)
    print_list([document(row) for row in page.items], COLUMNS, as_json=as_json, cursor=page.next_cursor)


@log.command("export")
@remotely(remote.export_log)
@needs_django
def export_log(
    *,
    account: AccountId,
    form: Annotated[FileFormat, typer.Option("--format", help="The format of the output.")] = FileFormat.CSV,
    since: Since = None,
    until: Until = None,
    endpoint: Endpoint = None,
    status: Status = None,
    outcome: OutcomeOption = None,
    address: Address = None,
    token: TokenId = None,
    software: Software = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Write an account's requests to standard output, newest first: all that match the filters."""
    from django.utils import timezone

    from simsim.account_log.requests import export_of
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.request_log.search.export import Format, written

    found = find_account(account, actor=OPERATOR)
    options = FilterOptions(since, until, endpoint, status, token, software, outcome, address)
    filters = filters_of(found, options)
    chosen = Format.JSONL if as_json else Format(form.value)
    rows = export_of(found, actor=OPERATOR, filters=filters, form=chosen.value, now=timezone.now())
    write_parts(written(rows, chosen))


class FilterOptions(NamedTuple):
    """The options that select requests, as they were typed; `list` and `export` share them."""

    since: str | None
    until: str | None
    endpoint: str | None
    status: str | None
    token: str | None
    software: str | None
    outcome: Outcome | None
    address: str | None


def filters_of(account: "Account | None", options: FilterOptions) -> "LogFilters":
    """Return the filters that the options describe; raise NotFound for a token, Invalid for a time or software."""
    from simsim.account_log.time_filters import parse_moment
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_token_for
    from simsim.request_log.search.filters import LogFilters
    from simsim.tokens.software import tokens_made_for

    return LogFilters(
        account.pk if account else None,
        token_id=find_token_for(options.token, actor=OPERATOR).pk if options.token is not None else None,
        among_tokens=tokens_made_for(options.software, actor=OPERATOR, account=account)
        if options.software is not None and account
        else None,
        since=parse_moment("since", options.since),
        until=parse_moment("until", options.until, through=True),
        endpoint=options.endpoint,
        status=options.status,
        outcome=options.outcome,
        address=parse_client(options.address),
    )


def parse_client(text: str | None) -> str | None:
    """Return an address as the log spells it, None for None; raise Invalid for anything else."""
    from simsim.request_log.short_addresses import parse_place

    if text is None:
        return None
    found = parse_place(text.strip())
    if found is None:
        raise Invalid(FieldError("address", gettext_noop("Give one address, such as 203.0.113.9 or 2001:db8::1.")))
    return found


@log.command("set-aside")
@needs_django
def list_set_aside(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of items.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the log lines that could not be read, with passwords, credentials and queries masked."""
    from simsim.request_log.ship import rejected_lines

    found, following = rejected_lines.list_lines(limit=limit, cursor=cursor)
    items = [rejected_lines.document(line) for line in found]
    print_list(items, SET_ASIDE_COLUMNS, as_json=as_json, cursor=following)
