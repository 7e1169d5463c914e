"""Finding logged requests again: newest first, page by page, and when a token was last used."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet
from django.db.models.functions import Left

from simsim.credential.decision import Reason
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.request_log.models import LoggedRequest, TokenUse
from simsim.request_log.outcome import Outcome
from simsim.request_log.sentences import sentence

LONGEST_PAGE = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_is_cursor = re.compile(r"([0-9]{1,16})-([0-9]{1,18})").fullmatch
_is_status_class = re.compile(r"([1-5])xx").fullmatch
_is_status = re.compile(r"[1-5][0-9]{2}").fullmatch


@dataclass(frozen=True)
class LastUse:
    """When, and from which address, a token last let a request in; and when with a password that was replaced."""

    at: datetime
    address: str | None
    by_previous_at: datetime | None = None


@dataclass(frozen=True)
class Filters:
    """Which requests. `account_id` None is every account's, and nobody's business but the operator's.

    `since` is included and `until` is not; `endpoint` is a path, or the beginning of one followed by `*`; `status` is a
    status such as 404 or a class such as "4xx"; `address` is as Address.text spells it.
    """

    account_id: uuid.UUID | None
    since: datetime | None = None
    until: datetime | None = None
    endpoint: str | None = None
    status: int | str | None = None
    token_id: uuid.UUID | None = None
    outcome: Outcome | None = None
    address: str | None = None


@dataclass(frozen=True)
class Page:
    items: list[LoggedRequest]
    next_cursor: str | None


def last_uses(token_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, LastUse]:
    """Return when each of the tokens last let a request in; a token that never did is not in the answer."""
    uses = TokenUse.objects.filter(pk__in=set(token_ids))
    return {use.token_id: LastUse(use.used_at, use.address, use.previous_used_at) for use in uses}


def list_requests(filters: Filters, limit: int = 50, cursor: str | None = None) -> Page:
    """Return one page, newest first, and the cursor of the next, None at the end.

    Rows that arrive meanwhile never move another row to a second page. Raises Invalid for a limit, a cursor or a status
    that is none.
    """
    if not 1 <= limit <= LONGEST_PAGE:
        message = gettext_noop("Choose a number from 1 to %(most)s.")
        raise Invalid(FieldError("limit", message, {"most": str(LONGEST_PAGE)}))
    rows = requests(filters)
    if cursor is not None:
        at, pk = parse_cursor(cursor)
        rows = rows.filter(received_at__lte=at).exclude(received_at=at, pk__gte=pk)
    found = list(rows.order_by("-received_at", "-pk")[: limit + 1])
    more = len(found) > limit
    return Page(found[:limit], cursor_after(found[limit - 1]) if more else None)


def requests(filters: Filters) -> QuerySet[LoggedRequest]:
    """Return the requests that pass the filters, in no order; raise Invalid for a status that is none."""
    rows = LoggedRequest.objects.all()
    if filters.account_id is not None:
        rows = rows.filter(account_id=filters.account_id)
    if filters.token_id is not None:
        rows = rows.filter(token_id=filters.token_id)
    if filters.since is not None:
        rows = rows.filter(received_at__gte=filters.since)
    if filters.until is not None:
        rows = rows.filter(received_at__lt=filters.until)
    if filters.endpoint:
        rows = _at_endpoint(rows, filters.endpoint)
    if filters.status is not None:
        low, high = parse_status(filters.status)
        rows = rows.filter(status__gte=low, status__lte=high)
    if filters.outcome is not None:
        rows = rows.filter(outcome=filters.outcome)
    if filters.outcome is Outcome.REFUSED:
        # Excludes nothing more, and lets the database see that the index of refusals holds all of them.
        rows = rows.exclude(reason=Reason.OK)
    if filters.address is not None:
        rows = rows.filter(address=filters.address)
    return rows


def _at_endpoint(rows: QuerySet[LoggedRequest], endpoint: str) -> QuerySet[LoggedRequest]:
    if not endpoint.endswith("*"):
        return rows.filter(resource=endpoint)
    beginning = endpoint.removesuffix("*")
    # Not LIKE: SQLite's takes "/API" for "/api", PostgreSQL's does not.
    if not beginning:
        return rows
    return rows.alias(beginning=Left("resource", len(beginning))).filter(beginning=beginning)


def document(row: LoggedRequest) -> dict[str, object]:
    """Return the row in the contract's JSON; `detail` is in the reader's language."""
    return {
        "id": row.pk,
        "received_at": row.received_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
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


def parse_status(status: int | str) -> tuple[int, int]:
    """Return the lowest and the highest status that is meant; raise Invalid."""
    text = str(status)
    if found := _is_status_class(text):
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    if _is_status(text):
        return int(text), int(text)
    raise Invalid(FieldError("status", gettext_noop("A status is a number such as 404, or a class such as 4xx.")))


def cursor_after(row: LoggedRequest) -> str:
    return f"{(row.received_at - EPOCH) // timedelta(microseconds=1)}-{row.pk}"


def parse_cursor(cursor: str) -> tuple[datetime, int]:
    """Return the time and the id of the last row seen; raise Invalid."""
    found = _is_cursor(cursor)
    if found is None:
        raise Invalid(FieldError("cursor", gettext_noop("This is not a cursor that an earlier page gave.")))
    return EPOCH + timedelta(microseconds=int(found[1])), int(found[2])
