"""The log as a file and as a stream of new requests, and the number of requests that were counted but not listed."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Literal

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.utils import timezone
from pydantic import Field

from simsim.account_log.downloads import TYPES, from_the_loop, marked
from simsim.account_log.new_requests import last_complete_id, requests_after
from simsim.account_log.requests import counted_document, export_of
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission
from simsim.api.account_log import LOG_PATH, READS, TAG, LogFilterQuery, RequestFilters, filters_of
from simsim.api.callers import identify
from simsim.api.calls import Call, actor_for
from simsim.api.event_streams import MEDIA_TYPE, POLL_SECONDS, WAIT, event, follow, mark
from simsim.api.log_documents import CountedRequests
from simsim.api.operation import OPERATIONS, operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ
from simsim.audit.events import Event
from simsim.management_problem import TooManyFollowers
from simsim.pagination import INVALID_CURSOR, MAX_ID
from simsim.problem import FieldError, Invalid, Problem
from simsim.request_log.row_ids import first_id
from simsim.request_log.search.export import Format, written
from simsim.request_log.search.filters import LogFilters, parse_status
from simsim.request_log.search.selectors import document

LAST_EVENT_ID = "Last-Event-ID"
# A connection ends after this time, and its client connects again.
FOLLOW_SECONDS = 300.0
KEEP_ALIVE_SECONDS = 15.0
RETRY = b"retry: 2000\n\n"
NOBODY_KNOWS = b": no worker has reported lately\n\n"
_is_id = re.compile(r"[0-9]{1,19}").fullmatch


class ExportQuery(LogFilterQuery):
    """The filters of the log, and the format of the file."""

    format: Literal["csv", "jsonl"] = Field("csv", description="The format of the file.")


@operation(
    "GET", LOG_PATH + "/export", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG, audit=Event.LOG_EXPORTED,
    query=ExportQuery, answer=None, media=("text/csv", "application/jsonl"),
)  # fmt: skip
def export_requests(call: Call, query: ExportQuery) -> StreamingHttpResponse:
    """Return all requests that match the filters, newest first, however many there are. The export is recorded."""
    chosen, filters = Format(query.format), filters_of(call, query)
    if filters.status is not None:
        # Afterwards the answer has begun, and could only break off.
        parse_status(filters.status)
    rows = export_of(call.account, actor=call.actor, filters=filters, form=chosen.value, now=call.now)
    parts = marked(written(rows, chosen), chosen)
    content = from_the_loop(parts) if isinstance(call.request, ASGIRequest) else parts
    name = f"log-{call.account.pk}-{call.now:%Y-%m-%d}.{chosen}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(content, content_type=TYPES[chosen], headers=headers)


@operation(
    "GET", LOG_PATH + "/follow", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG, audit=READS,
    query=RequestFilters, answer=None, media=(MEDIA_TYPE,), problems=(TooManyFollowers,),
    takes={LAST_EVENT_ID: "The id of the last event that you have; the stream continues after it."},
)  # fmt: skip
def follow_requests(call: Call, query: RequestFilters) -> StreamingHttpResponse:
    """Stream new requests as server-sent events, oldest first, each once, some seconds after they arrived.

    The event `request` has the request as JSON. The stream ends after five minutes: connect again with Last-Event-ID.
    Without it, the stream begins at `since`, or now. A request that is still running has no status yet.
    """
    filters = filters_of(call, query)
    if filters.status is not None:
        parse_status(filters.status)
    last_id = last_event_id(call.request.headers.get(LAST_EVENT_ID))
    if last_id is None and filters.since is not None:
        last_id = max(0, first_id(filters.since)) - 1
    rule = OPERATIONS[follow_requests.__name__].rule

    def still_permitted() -> Actor:
        """Return the actor; raise a Problem once the caller may no longer read the log."""
        now = timezone.now()
        return actor_for(call.request, rule, identify(call.request, now), call.account, now)

    return follow(call.request, call.caller.client, events(call.account, filters, last_id, still_permitted))


def events(
    account: Account, filters: LogFilters, last_id: int | None, still_permitted: Callable[[], Actor]
) -> Iterator[bytes]:
    """Yield the requests after `last_id`, or new ones if that is None, and WAIT whenever there is nothing to send."""
    ends_at, marked_at = time.monotonic() + FOLLOW_SECONDS, float("-inf")
    yield RETRY
    while True:
        try:
            actor = still_permitted()
        except Problem:
            return
        through = last_complete_id(timezone.now())
        last_id = through if last_id is None else last_id
        for part, reached in parts_between(last_id, through, account, actor, filters):
            last_id = reached
            if part:
                yield part
            if time.monotonic() >= ends_at:
                yield mark(reached)
                return
        if time.monotonic() - marked_at >= KEEP_ALIVE_SECONDS:
            yield NOBODY_KNOWS if last_id is None else mark(last_id)
            marked_at = time.monotonic()
        if time.monotonic() + POLL_SECONDS >= ends_at:
            return
        yield WAIT


def parts_between(
    last_id: int | None, through: int | None, account: Account, actor: Actor, filters: LogFilters
) -> Iterator[tuple[bytes, int]]:
    """Yield the events of the requests after `last_id` and up to `through`, each part with the id that it reaches."""
    if last_id is None or through is None:
        return
    for rows, reached in requests_after(last_id, through, account, actor=actor, filters=filters):
        found = (event("request", row.pk, json.dumps(document(row), ensure_ascii=False)) for row in rows)
        yield b"".join(found), reached


def last_event_id(text: str | None) -> int | None:
    """Return the id that a client sent, None if it sent none; raise Invalid for anything else."""
    if text is None:
        return None
    if not _is_id(text) or int(text) > MAX_ID:
        raise Invalid(FieldError(LAST_EVENT_ID, INVALID_CURSOR))
    return int(text)


@operation(
    "GET", LOG_PATH + "/counted", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG, audit=READS,
    query=LogFilterQuery, answer=CountedRequests,
)  # fmt: skip
def get_counted_requests(call: Call, query: LogFilterQuery) -> Answer:
    """Return how many matching requests were only counted, not listed: refused ones of a flood."""
    return Answer(counted_document(call.account, actor=call.actor, filters=filters_of(call, query)))
