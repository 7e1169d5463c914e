"""`simsim log`: the request log of an account."""
# ruff: noqa: PLC0415 - help answers without Django

import os
import sys
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from simsim.operations.output import AsJson, print_list
from simsim.operations.wiring import needs_django
from simsim.problem import FieldError, Invalid, gettext_noop

if TYPE_CHECKING:
    from simsim.accounts.models import Account
    from simsim.request_log.filters import Filters


class FileFormat(StrEnum):
    """As in `request_log.exporting`, which help does without."""

    CSV = "csv"
    JSONL = "jsonl"


log = typer.Typer(no_args_is_help=True, help="The request log: every request, accepted or refused.")
SET_ASIDE_COLUMNS = ["found_at", "name", "offset", "text"]
COLUMNS = ["received_at", "method", "resource", "status", "reason", "token_name", "address", "duration_seconds"]


AccountId = Annotated[str, typer.Option(metavar="ID", help="The account's id.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="From this time or day (UTC) on.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Before this time, or through this day.")]
Endpoint = Annotated[str | None, typer.Option(metavar="PATH", help="This path, or every path that begins so: /api/*")]
Status = Annotated[str | None, typer.Option(metavar="N", help="A status such as 401, or a class such as 4xx.")]
TokenId = Annotated[str | None, typer.Option(metavar="ID", help="Requests with this token.")]
Software = Annotated[
    str | None, typer.Option(metavar="SLUG", help="Requests with tokens made for this software; none: for no software.")
]


@log.command("list")
@needs_django
def list_log(
    *,
    account: AccountId,
    since: Since = None,
    until: Until = None,
    endpoint: Endpoint = None,
    status: Status = None,
    token: TokenId = None,
    software: Software = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where the page before ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List an account's requests, newest first."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.finding import find_account
    from simsim.request_log.query import document
    from simsim.tokens.requests import requests_of

    found = find_account(account, actor=OPERATOR)
    asked = Asked(since, until, endpoint, status, token, software)
    filters = filters_of(found, asked)
    page = requests_of(found, actor=OPERATOR, filters=filters, limit=limit, cursor=cursor)
    print_list([document(row) for row in page.items], COLUMNS, as_json=as_json, cursor=page.next_cursor)


@log.command("export")
@needs_django
def export_log(
    *,
    account: AccountId,
    form: Annotated[FileFormat, typer.Option("--format", help="What the file is.")] = FileFormat.CSV,
    since: Since = None,
    until: Until = None,
    endpoint: Endpoint = None,
    status: Status = None,
    token: TokenId = None,
    software: Software = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Write an account's requests to standard output, newest first: all that pass the filters."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.finding import find_account
    from simsim.request_log.exporting import Format, written
    from simsim.tokens.requests import export_of

    found = find_account(account, actor=OPERATOR)
    asked = Asked(since, until, endpoint, status, token, software)
    filters = filters_of(found, asked)
    rows = export_of(found, actor=OPERATOR, filters=filters)
    try:
        # Bytes, because text would have its line ends turned into the machine's.
        for part in written(rows, Format.JSONL if as_json else Format(form.value)):
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough, as `head` does. Without this Python complains once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Asked(NamedTuple):
    """The options of both verbs that say which requests, as they were typed."""

    since: str | None
    until: str | None
    endpoint: str | None
    status: str | None
    token: str | None
    software: str | None


def filters_of(account: "Account", asked: Asked) -> "Filters":
    """Return the filters that were asked for; raise NotFound for a token, Invalid for a time or software."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.finding import find_token_for
    from simsim.request_log.filters import Filters
    from simsim.tokens.software import tokens_made_for

    return Filters(
        account.pk,
        token_id=find_token_for(asked.token, actor=OPERATOR).pk if asked.token else None,
        among_tokens=tokens_made_for(asked.software, actor=OPERATOR, account=account) if asked.software else None,
        since=parse_moment("since", asked.since),
        until=parse_moment("until", asked.until, through=True),
        endpoint=asked.endpoint,
        status=asked.status,
    )


@log.command("set-aside")
@needs_django
def list_set_aside(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where the page before ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the lines that are no lines of a log, with passwords, credentials and queries masked."""
    from simsim.request_log import setting_aside

    page = setting_aside.list_lines(limit=limit, cursor=cursor)
    items = [setting_aside.document(line) for line in page.items]
    print_list(items, SET_ASIDE_COLUMNS, as_json=as_json, cursor=page.next_cursor)


def parse_moment(field: str, text: str | None, *, through: bool = False) -> datetime | None:
    """Return the moment that a date (its beginning in UTC, its end with `through`) or an RFC 3339 time means.

    None means None; raises Invalid for anything else, a time without an offset too: nobody knows whose it is.
    """
    if text is None:
        return None
    from simsim.request_log.rfc3339 import parse_day, parse_time

    moment = parse_time(text)
    try:
        if day := parse_day(text):
            moment = datetime.combine(day + timedelta(days=1 if through else 0), time(), tzinfo=UTC)
    except OverflowError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid(
            FieldError(field, gettext_noop("Give a day such as 2027-01-31, or a time such as 2027-01-31T12:00Z."))
        )
    return moment
