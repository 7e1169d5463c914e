"""The requests that an account's log holds, for whoever may read that log (R17)."""

import dataclasses
from collections.abc import Iterator
from datetime import datetime

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.problem import NotFound, NotPermitted
from simsim.request_log.models import LoggedRequest
from simsim.request_log.search.export import pieces_of
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.flood_summaries import Flooded, flooded
from simsim.request_log.search.selectors import RequestPage, list_requests


def requests_of(
    account: Account, *, actor: Actor, filters: LogFilters | None = None, limit: int = 50, cursor: str | None = None,
    patience_seconds: float | None = None,
) -> RequestPage:  # fmt: skip
    """Return one page of the account's requests that pass the filters, newest first, whatever account they name.

    With `patience_seconds` it may be incomplete, and its cursor goes on: see `list_requests`.

    Raise NotFound or NotPermitted, and Invalid for a limit, a cursor or a status that is none.
    """
    own = _own(account, actor, filters)
    return list_requests(own, limit=limit, cursor=cursor, patience_seconds=patience_seconds)


def requests_of_all(*, actor: Actor, filters: LogFilters, limit: int = 50, cursor: str | None = None) -> RequestPage:
    """Return one page of every account's requests, those of unknown callers included; only the operator may.

    Raise NotPermitted, and Invalid as `requests_of`.
    """
    if not actor.is_operator:
        raise NotPermitted
    return list_requests(dataclasses.replace(filters, account_id=None), limit=limit, cursor=cursor)


def export_of(account: Account, *, actor: Actor, filters: LogFilters | None = None) -> Iterator[list[LoggedRequest]]:
    """Return all the account's requests that pass the filters, newest first, in pieces: see `pieces_of`.

    Raise NotFound or NotPermitted at once, and not only when the first piece is asked for.
    """
    return pieces_of(_own(account, actor, filters))


def flood_of(
    account: Account, *, actor: Actor, since: datetime | None, until: datetime | None, networks: list[str] | None = None
) -> Flooded | None:
    """Return what was counted on the account and not stored: see `flooded`. Raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_LOG, account)
    return flooded(account.pk, since=since, until=until, networks=networks)


def find_request(request_id: int, *, actor: Actor, account: Account) -> LoggedRequest:
    """Return the request of that id in the account's log; raise NotFound also for one of another account."""
    permit(actor, Permission.VIEW_LOG, account)
    found = LoggedRequest.objects.filter(pk=request_id, account_id=account.pk).first()
    if found is None:
        raise NotFound
    return found


def _own(account: Account, actor: Actor, filters: LogFilters | None) -> LogFilters:
    """Return the filters in this account, whatever account they name; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_LOG, account)
    return dataclasses.replace(filters or LogFilters(None), account_id=account.pk)
