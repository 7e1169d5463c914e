"""`simsim log`: the request log of an account."""
# ruff: noqa: PLC0415 - help answers without Django

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from simsim.operations.output import AsJson, print_list
from simsim.operations.wiring import needs_django
from simsim.problem import FieldError, Invalid, gettext_noop

log = typer.Typer(no_args_is_help=True, help="The request log: every request, accepted or refused.")
SET_ASIDE_COLUMNS = ["found_at", "name", "offset", "text"]
COLUMNS = ["received_at", "method", "resource", "status", "reason", "token_name", "address", "duration_seconds"]
CALENDAR_DATE = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", re.ASCII)


@log.command("list")
@needs_django
def list_log(
    *,
    account: Annotated[str, typer.Option(metavar="ID", help="The account's id.")],
    since: Annotated[str | None, typer.Option(metavar="TIME", help="From this time or day (UTC) on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before this time, or through this day.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="PATH", help="This path, or every path that begins so: /api/*")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="N", help="A status such as 401, or a class such as 4xx.")
    ] = None,
    token: Annotated[str | None, typer.Option(metavar="ID", help="Requests with this token.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where the page before ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List an account's requests, newest first."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.finding import find_account, find_token_for
    from simsim.request_log import query
    from simsim.request_log.filters import Filters

    found = find_account(account, actor=OPERATOR)
    filters = Filters(
        account_id=found.pk,
        since=parse_moment("since", since),
        until=parse_moment("until", until, through=True),
        endpoint=endpoint,
        status=status,
        token_id=find_token_for(token, actor=OPERATOR).pk if token else None,
    )
    page = query.list_requests(filters, limit=limit, cursor=cursor)
    print_list([query.document(row) for row in page.items], COLUMNS, as_json=as_json, cursor=page.next_cursor)


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
    try:
        if CALENDAR_DATE.match(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1 if through else 0)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid(
            FieldError(field, gettext_noop("Give a day such as 2027-01-31, or a time such as 2027-01-31T12:00Z."))
        )
    return moment
