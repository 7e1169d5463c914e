"""Events of one account by time, newest first, page by page: quick among millions, whatever the filters."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice

from django.db.models import Q

from simsim.audit.models import AuditEvent
from simsim.audit.selectors import AuditFilters, condition_of, parse_events
from simsim.pagination import MAX_ID
from simsim.problem import FieldError, Invalid, gettext_noop

PIECE_EVENTS = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_is_cursor = re.compile(r"([0-9]{1,17})-([0-9]{1,19})").fullmatch


@dataclass(frozen=True)
class EventPage:
    """One page, and the cursor of the next one, None at the end."""

    items: Sequence[AuditEvent]
    next_cursor: str | None


def page_of(filters: AuditFilters, *, limit: int, cursor: str | None = None) -> EventPage:
    """Return the page that begins after the cursor. The caller has checked permission.

    Raises Invalid for an unknown event or an invalid cursor.
    """
    place = Q()
    if cursor:
        at, pk = parse_cursor(cursor)
        # The first condition lets the index find the place.
        place = Q(at__lte=at) & (Q(at__lt=at) | Q(pk__lt=pk))
    # One query for each kind of event: an index has the events of one kind in order, but not those of several.
    kinds = parse_events(filters.event) if filters.event is not None else [None]
    queries = (AuditEvent.objects.filter(condition_of(replace(filters, event=kind)) & place) for kind in kinds)
    pieces = [query.order_by("-at", "-pk")[: limit + 1] for query in queries]
    found = list(islice(merge(*pieces, key=lambda event: (event.at, event.pk), reverse=True), limit + 1))
    return EventPage(found[:limit], cursor_after(found[limit - 1]) if len(found) > limit else None)


def pieces_of(filters: AuditFilters) -> Iterator[Sequence[AuditEvent]]:
    """Yield all events that match, newest first, at most PIECE_EVENTS at a time."""
    cursor: str | None = None
    while True:
        page = page_of(filters, limit=PIECE_EVENTS, cursor=cursor)
        yield page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def cursor_after(event: AuditEvent) -> str:
    return f"{(event.at - EPOCH) // timedelta(microseconds=1)}-{event.pk}"


def parse_cursor(cursor: str) -> tuple[datetime, int]:
    """Return the time and the id after which the page begins; raise Invalid for an invalid cursor."""
    found = _is_cursor(cursor)
    if not found:
        raise Invalid(FieldError("cursor", gettext_noop("This cursor is not valid for this list.")))
    return EPOCH + timedelta(microseconds=int(found[1])), min(int(found[2]), MAX_ID)
