"""Finding logged requests again: newest first, page by page, and when a token was last used."""

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


@dataclass(frozen=True)
class LastUse:
    """When, and from which address, a token last let a request in; and when with a password that was replaced."""

    at: datetime
    address: str | None
    by_previous_at: datetime | None = None


@dataclass(frozen=True)
class RequestPage:
    """Rows, newest first; `next_cursor` None at the end.

    `searched_until` is set where the search ended for lack of time and not of rows: nothing older was looked at yet.
    """

    items: list[LoggedRequest]
    next_cursor: str | None
    searched_until: datetime | None = None


def last_uses(token_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, LastUse]:
    """Return when each of the tokens last let a request in; a token that never did is not in the answer."""
    uses = TokenUse.objects.filter(pk__in=set(token_ids))
    return {use.token_id: LastUse(use.used_at, use.address, use.previous_used_at) for use in uses}


def list_requests(
    filters: LogFilters, limit: int = 50, cursor: str | None = None, *, patience_seconds: float | None = None
) -> RequestPage:
    """Return one page, newest first, and the cursor of the next, None at the end.

    Rows that arrive meanwhile never move another row to a second page. With `patience_seconds` the page may hold fewer
    rows than asked for, or none, and yet have a cursor: the search goes on there. Raises Invalid for a limit, a cursor
    or a status that is none.
    """
    if not 1 <= limit <= MAX_PAGE_ROWS:
        message = gettext_noop("Choose a number from 1 to %(most)s.")
        raise Invalid(FieldError("limit", message, {"most": str(MAX_PAGE_ROWS)}))
    below = LAST if cursor is None else parse_cursor(cursor)
    found = search(filters, limit + 1, below=below, patience_seconds=patience_seconds)
    if len(found.rows) > limit:
        return RequestPage(found.rows[:limit], str(found.rows[limit - 1].pk))
    if found.searched_to is None:
        return RequestPage(found.rows, None)
    return RequestPage(found.rows, str(found.searched_to), moment_of(found.searched_to))


def document(row: LoggedRequest) -> dict[str, object]:
    """Return the row in the contract's JSON; `detail` is in the reader's language."""
    return {
        "id": str(row.pk),  # a number of this size is rounded by whoever reads JSON as JavaScript does
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
