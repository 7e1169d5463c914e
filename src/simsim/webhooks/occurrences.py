"""Owes events to the endpoints that chose them, in the transaction of the act that causes them."""

import hashlib
import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from simsim.credential.password import mask
from simsim.delivery.queue import AHEAD
from simsim.rfc3339 import format_time
from simsim.webhooks.event_types import EventType
from simsim.webhooks.models import PauseReason, WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True)
class Occurrence:
    """Something that happened in an account; `data` is JSON without secrets.

    `once`, if given, identifies what happened: an endpoint is owed it once, however often it is found.
    """

    event: EventType
    account_id: uuid.UUID
    data: Mapping[str, object] = field(repr=False)
    once: str = ""

    @property
    def message_id(self) -> str:
        if not self.once:
            return f"msg_{uuid.uuid4().hex}"
        return "msg_" + hashlib.sha256(f"{self.event}:{self.account_id}:{self.once}".encode()).hexdigest()[:32]


def owe(occurrences: Sequence[Occurrence], *, now: datetime) -> None:
    """Queue a delivery to each endpoint that chose the event. Call it in the transaction of the act."""
    if not occurrences:
        return
    chosen: dict[tuple[uuid.UUID, str], list[WebhookEndpoint]] = {}
    for endpoint in endpoints_of({occurrence.account_id for occurrence in occurrences}):
        for event in endpoint.events:
            chosen.setdefault((endpoint.account_id, event), []).append(endpoint)
    if not chosen:
        return
    rows = []
    for occurrence in occurrences:
        message_id = occurrence.message_id
        for endpoint in chosen.get((occurrence.account_id, occurrence.event), []):
            rows.append(delivery(endpoint, occurrence.event, message_id, occurrence.data, now=now))
    WebhookDelivery.objects.bulk_create(rows, batch_size=100, ignore_conflicts=True)


def accounts_told(event: EventType, account_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the accounts that have an endpoint which chose the event."""
    return {endpoint.account_id for endpoint in endpoints_of(account_ids) if event in endpoint.events}


def endpoints_of(account_ids: Collection[uuid.UUID]) -> QuerySet[WebhookEndpoint]:
    # An endpoint that answered 410 gets nothing more. Deliveries to one that is paused wait until it is resumed.
    return WebhookEndpoint.objects.exclude(pause_reason=PauseReason.GONE).filter(account_id__in=account_ids)


def delivery(
    endpoint: WebhookEndpoint, event: str, message_id: str, data: Mapping[str, object], *, now: datetime
) -> WebhookDelivery:
    """Return an unsaved delivery; a password that somebody wrote into a name is masked."""
    document = {"id": message_id, "type": event, "timestamp": format_time(now), "data": without_passwords(data)}
    # ASCII, so that a body reads the same in every encoding that a receiver may assume.
    body = json.dumps(document, separators=(",", ":"))
    return WebhookDelivery(endpoint=endpoint, message_id=message_id, event=event, body=body, owed_at=now, due_at=now)


def without_passwords(value: object) -> object:
    """Return a JSON value with whatever looks like a password masked in its texts."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: without_passwords(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_passwords(part) for part in value]
    return value


def disown_ahead(events: Collection[EventType], *, now: datetime) -> None:
    """Delete the deliveries of those events that a wrong clock queued for a time in the future.

    The event can then be owed again at the right time; its message id is the same, so receivers can recognise it.
    """
    WebhookDelivery.objects.filter(Q(event__in=events), owed_at__gt=now + AHEAD).delete()
