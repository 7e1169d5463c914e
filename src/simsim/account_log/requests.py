"""Requests in an account's log, for the people who may read it (R17)."""

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus

from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.gate.address import network_of
from simsim.problem import NotFound, NotPermitted
from simsim.request_log.models import LoggedRequest
from simsim.request_log.outcome import Outcome
from simsim.request_log.search import stored_rows
from simsim.request_log.search.export import pieces_of
from simsim.request_log.search.filters import LogFilters, parse_status
from simsim.request_log.search.flood_summaries import Flooded, flooded
from simsim.request_log.search.selectors import RequestPage, list_requests
from simsim.request_log.short_addresses import spellings_of
from simsim.rfc3339 import format_time


def requests_of(
    account: Account, *, actor: Actor, filters: LogFilters | None = None, limit: int = 50, cursor: str | None = None,
    patience_seconds: float | None = None,
) -> RequestPage:  # fmt: skip
    """Return one page of the account's requests that match the filters, newest first; the filters' account is ignored.

    With `patience_seconds` the page may be incomplete, and its cursor continues it: see `list_requests`.

    Raises NotFound or NotPermitted, and Invalid for an invalid limit, cursor or status.
    """
    own = _limited(account, actor, filters)
    return list_requests(own, limit=limit, cursor=cursor, patience_seconds=patience_seconds)


def requests_of_all(*, actor: Actor, filters: LogFilters, limit: int = 50, cursor: str | None = None) -> RequestPage:
    """Return one page of all accounts' requests, including those of unknown callers.

    Only the operator may do this. Raises NotPermitted, and Invalid in the same cases as `requests_of`.
    """
    if not actor.is_operator:
        raise NotPermitted
    return list_requests(dataclasses.replace(filters, account_id=None), limit=limit, cursor=cursor)


@transaction.atomic
def export_of(
    account: Account, *, actor: Actor, filters: LogFilters | None = None, form: str, now: datetime
) -> Iterator[list[LoggedRequest]]:
    """Record the export, and return all the account's requests that match the filters, newest first, in pieces.

    Raises NotFound or NotPermitted at once, not only when the first piece is read. See `pieces_of`.
    """
    own = _limited(account, actor, filters)
    details = {"format": form, "filters": _audited(own)}
    recorder.record(
        Event.LOG_EXPORTED, actor=actor, account_id=account.pk, subject_id=account.pk, details=details, now=now
    )
    return pieces_of(own)


def flood_of(
    account: Account, *, actor: Actor, filters: LogFilters, since: datetime | None, until: datetime | None
) -> Flooded | None:
    """Return a summary of the matching requests that were counted instead of stored; the filters' times are ignored.

    See `flooded`. Raises NotFound or NotPermitted, and Invalid for an invalid status.
    """
    permit(actor, Permission.VIEW_LOG, account)
    if not may_match_counted(filters):
        return None
    # Such requests are counted under the address itself, or under its /64 network, or are old.
    networks = [network_of(filters.address), *spellings_of(filters.address)] if filters.address else None
    networks = networks and [each for each in networks if each]  # "" stands for unknown networks
    return flooded(account.pk, since=since, until=until, networks=networks)


def counted_document(account: Account, *, actor: Actor, filters: LogFilters) -> dict[str, object]:
    """Return the summary that `flood_of` returns for the filters' times, as JSON; zero requests if there is none."""
    found = flood_of(account, actor=actor, filters=filters, since=filters.since, until=filters.until)
    return {
        "requests": found.number if found else 0,
        "network": (found.network or None) if found else None,
        "other_networks": found.others if found else 0,
        "since": format_time(found.since) if found else None,
        "until": format_time(found.until) if found else None,
    }


def may_match_counted(filters: LogFilters) -> bool:
    """Whether the filters can match counted requests: refused with 401 or 429, without a token or endpoint."""
    if filters.token_id or filters.among_tokens is not None or (filters.endpoint or "*") != "*":
        return False
    if filters.outcome not in {None, Outcome.REFUSED}:
        return False
    low, high = parse_status(filters.status or HTTPStatus.UNAUTHORIZED.value)
    return any(low <= status <= high for status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS))


def find_request(request_id: int, *, actor: Actor, account: Account) -> LoggedRequest:
    """Return the request with this id from the account's log; raise NotFound, also for another account's request."""
    permit(actor, Permission.VIEW_LOG, account)
    found = stored_rows.row_with_id(account.pk, request_id)
    if found is None:
        raise NotFound
    return found


def _audited(filters: LogFilters) -> dict[str, object]:
    """Return the filters that are set, as the audit trail records them."""
    found = {name: value for name, value in vars(filters).items() if value is not None and name != "account_id"}
    if filters.among_tokens is not None:
        found["among_tokens"] = len(filters.among_tokens)
    return {name: value if isinstance(value, int) else str(value) for name, value in found.items()}


def _limited(account: Account, actor: Actor, filters: LogFilters | None) -> LogFilters:
    """Return the filters, limited to this account; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_LOG, account)
    return dataclasses.replace(filters or LogFilters(None), account_id=account.pk)
