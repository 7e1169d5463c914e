"""`simsim audit`: who did what."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list

audit = typer.Typer(no_args_is_help=True, help="The audit trail: who did what, and when.")
COLUMNS = ["at", "event", "actor", "account_id", "subject_id", "details"]


@audit.command("list")
@needs_django
def list_events(
    *,
    account: Annotated[str | None, typer.Option(metavar="ID", help="Only events of this account.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Events since this time or day (UTC).")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Events before this time, or through this day.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Only events by this user; operator means the command line.")
    ] = None,
    event: Annotated[
        str | None, typer.Option(metavar="NAME", help="For example token.revoked, or token.* for all.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of events.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the events of all accounts, newest first."""
    from simsim.account_log.time_filters import parse_moment
    from simsim.accounts.permissions import OPERATOR
    from simsim.audit import selectors
    from simsim.operations.arguments import find_account

    filters = selectors.AuditFilters(
        account_id=find_account(account, actor=OPERATOR).pk if account is not None else None,
        since=parse_moment("since", since),
        until=parse_moment("until", until, through=True),
        actor=actor,
        event=event,
    )
    found, following = selectors.list_events(filters, limit=limit, cursor=cursor)
    print_list([selectors.document(row) for row in found], COLUMNS, as_json=as_json, cursor=following)
