"""Forwarded events: logged requests and audit events, each as one JSON object."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation

from simsim.audit.models import AuditEvent
from simsim.request_log.models import LoggedRequest
from simsim.request_log.outcome import Outcome
from simsim.request_log.search import selectors, stored_rows
from simsim.rfc3339 import format_time

AT_ONCE = 900  # SQLite takes 999 values in a statement if it was built with its old limit
LANGUAGE = "en"


@dataclass(frozen=True)
class ForwardedEvent:
    """An event to forward. `json` is the whole event in ASCII, without control characters; `facts` are its parameters
    for syslog.

    `id` is unique within the `kind` and stays the same when the event is sent again. `is_ordinary` lowers the event's
    severity in syslog.
    """

    kind: str
    id: str
    at: datetime
    is_ordinary: bool
    facts: Mapping[str, str]
    json: bytes


def of_requests(row_ids: Sequence[int]) -> list[ForwardedEvent]:
    """Return those logged requests that still exist, in their current state, oldest first."""
    # Receivers compare texts, so the texts must not depend on the current thread's language.
    with translation.override(LANGUAGE):
        return [_of_request(row) for row in stored_rows.rows_with_ids(sorted(row_ids))]


def of_audit(event_ids: Sequence[int]) -> list[ForwardedEvent]:
    """Return those audit events that still exist, oldest first."""
    return [_of_audit(row) for row in _found(sorted(event_ids))]


def _of_request(row: LoggedRequest) -> ForwardedEvent:
    account = str(row.account_id) if row.account_id else None
    document = {
        "kind": "request",
        **selectors.document(row),
        "account_id": account,
        "cause": row.cause,
        "bytes": row.bytes,
    }
    facts = {
        "id": str(row.pk), "account": account, "token": document["token_id"], "outcome": row.outcome,
        "reason": row.reason, "status": row.status, "address": row.address,
    }  # fmt: skip
    is_ordinary = row.outcome != Outcome.REFUSED
    return ForwardedEvent("request", str(row.pk), row.received_at, is_ordinary, _given(facts), _json(document))


def _of_audit(row: AuditEvent) -> ForwardedEvent:
    account = str(row.account_id) if row.account_id else None
    document = {
        "kind": "audit",
        "id": str(row.pk),
        "at": format_time(row.at, "microseconds"),
        "event": row.event,
        "account_id": account,
        "actor_id": None if row.actor_id is None else str(row.actor_id),
        "actor": row.actor_label,
        "subject_id": row.subject_id,
        "details": row.details,
        "door": row.door,
        "address": row.address or None,
        "os_user": row.os_user or None,
        "number": row.number,
        "mac": row.mac,
    }
    facts = {"id": str(row.pk), "account": account, "event": row.event, "subject": row.subject_id}
    return ForwardedEvent("audit", str(row.pk), row.at, False, _given(facts), _json(document))


def _given(facts: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in facts.items() if value not in (None, "")}


def _json(document: Mapping[str, object]) -> bytes:
    # In ASCII, nothing from a client can break out of its string: no line end, control character or direction override.
    # DEL is the only such character that the json module does not escape.
    return json.dumps(document, separators=(",", ":")).replace("\x7f", "\\u007f").encode("ascii")


def _found(ids: Sequence[int]) -> Iterator[AuditEvent]:
    for first in range(0, len(ids), AT_ONCE):
        yield from AuditEvent.objects.filter(pk__in=ids[first : first + AT_ONCE]).order_by("pk")
