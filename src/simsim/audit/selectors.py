"""Events of the audit trail, newest first, page by page."""

import difflib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.pagination import newest
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.rfc3339 import format_time

ANY_OF_A_GROUP = ".*"


@dataclass(frozen=True)
class AuditFilters:
    """Filters of the audit trail. `since` is inclusive, `until` exclusive.

    `event` is a name such as token.created, or token.* for a group, or several of them separated by commas; `actor` is
    an email address, or “operator” for the command line; `subject_id` is the id of a token, a request or a person.
    With `is_of_installation`, only events that belong to no account are found.
    """

    account_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    event: str | None = None
    subject_id: str | None = None
    is_of_installation: bool = False


def list_events(
    filters: AuditFilters, *, limit: int, cursor: str | None = None
) -> tuple[Sequence[AuditEvent], str | None]:
    """Return one page, newest first, and the next page's cursor, None at the end. The caller has checked permission.

    Raises Invalid for an unknown event or an invalid cursor.
    """
    return newest(AuditEvent.objects.filter(condition_of(filters)), limit=limit, cursor=cursor)


def condition_of(filters: AuditFilters) -> Q:
    condition = Q()
    if filters.account_id is not None:
        condition &= Q(account_id=filters.account_id)
    if filters.is_of_installation:
        condition &= Q(account_id=None)
    if filters.since is not None:
        condition &= Q(at__gte=filters.since)
    if filters.until is not None:
        condition &= Q(at__lt=filters.until)
    if filters.actor is not None:
        condition &= Q(actor_label=filters.actor)
    if filters.event is not None:
        condition &= Q(event__in=parse_events(filters.event))
    if filters.subject_id is not None:
        condition &= Q(subject_id=filters.subject_id)
    return condition


def parse_events(text: str) -> list[str]:
    """Return the events of names and groups separated by commas; raise Invalid as `parse_event` does."""
    return list(dict.fromkeys(name for part in text.split(",") for name in parse_event(part)))


def parse_event(text: str) -> list[str]:
    """Return the events of that name or group; raise Invalid, with the nearest name, if there is none."""
    group = text.removesuffix("*") if text.endswith(ANY_OF_A_GROUP) else None
    meant = [event.value for event in Event if (event.value.startswith(group) if group else event.value == text)]
    if meant:
        return meant
    near = difflib.get_close_matches(text, [event.value for event in Event], n=1, cutoff=0.5)
    if near:
        message = gettext_noop("There is no event “%(event)s”. Did you mean %(near)s?")
        raise Invalid(FieldError("event", message, {"event": text, "near": near[0]}))
    message = gettext_noop("There is no event “%(event)s”. Give a name such as token.created, or token.* for a group.")
    raise Invalid(FieldError("event", message, {"event": text}))


def document(event: AuditEvent) -> dict[str, object]:
    """Return an event as JSON."""
    return {
        "id": str(event.pk),
        "at": format_time(event.at),
        "event": event.event,
        "account_id": str(event.account_id) if event.account_id else None,
        "actor": event.actor_label,
        "subject_id": event.subject_id,
        "details": event.details,
        "door": event.door,
        "address": event.address or None,
        "os_user": event.os_user or None,
        "number": event.number,
        "mac": event.mac,
    }
