"""Logged requests, newest first, page by page, and the last use of each token."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from simsim.pagination import parse_cursor
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.request_log.models import LoggedRequest, TokenUse
from simsim.request_log.row_ids import LAST, moment_of
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.plan import search
from simsim.request_log.search.sentences import sentence
from simsim.rfc3339 import format_time

MAX_PAGE_ROWS = 1000
LOOKED_UP = 500  # at once


@dataclass(frozen=True)
class LastUse:
    """When and from which address a token last let a request in, and when it last did so with its previous password."""

    at: datetime
    address: str | None
    by_previous_at: datetime | None = None


@dataclass(frozen=True)
class RequestPage:
    """Rows, newest first; `next_cursor` is None at the end.

    `searched_until` is set when the search ran out of time: nothing older has been searched yet.
    """

    items: list[LoggedRequest]
    next_cursor: str | None
    searched_until: datetime | None = None


def last_uses(token_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, LastUse]:
    """Return the last use of each token; a token that was never used is left out."""
    wanted = list(set(token_ids))
    found: dict[uuid.UUID, LastUse] = {}
    for begin in range(0, len(wanted), LOOKED_UP):
        uses = TokenUse.objects.filter(pk__in=wanted[begin : begin + LOOKED_UP])
        # Objects of the model would take twice as long for the tokens of a large account.
        columns = uses.values_list("token_id", "used_at", "address", "previous_used_at")
        found |= {token_id: LastUse(at, address, by_previous_at) for token_id, at, address, by_previous_at in columns}
    return found


def list_requests(
    filters: LogFilters, limit: int = 50, cursor: str | None = None, *, patience_seconds: float | None = None
) -> RequestPage:
    """Return one page, newest first, and the cursor of the next page, or None at the end.

    Rows that arrive meanwhile never move another row to a second page. With `patience_seconds`, a page may hold fewer
    rows than the limit, or no rows, and still have a cursor: the search continues there. Raises Invalid for an invalid
    limit, cursor or status.
    """
    if not 1 <= limit <= MAX_PAGE_ROWS:
        message = gettext_noop("Choose a number from 1 to %(most)s.")
        raise Invalid(FieldError("limit", message, {"most": str(MAX_PAGE_ROWS)}))
    below = LAST if cursor is None else parse_cursor(cursor)
    found = search(filters, limit + 1, below=below, patience_seconds=patience_seconds)
    if len(found.rows) > limit:
        # Two rows may share an id in ClickHouse. A page does not end between them: the next would lack one.
        last = found.rows[limit - 1].pk
        return RequestPage([row for row in found.rows if row.pk >= last], str(last))
    if found.searched_to is None:
        return RequestPage(found.rows, None)
    return RequestPage(found.rows, str(found.searched_to), moment_of(found.searched_to))


def document(row: LoggedRequest) -> dict[str, object]:
    """Return the row in the log's documented JSON; `detail` is in the reader's language."""
    return {
        "id": str(row.pk),  # a string, because JavaScript and other languages round JSON numbers of this size
        "received_at": format_time(row.received_at, "microseconds"),
        "method": row.method,
        "resource": row.resource,
        "status": row.status,
        "outcome": row.outcome,
        "reason": row.reason,
        "detail": sentence(row),
        "duration_seconds": row.duration_seconds,
        "token_id": str(row.token_id) if row.token_id else None,
        "token_name": row.token_name,
        "address": row.address,
    }
