"""Finds endpoints and deliveries, and returns them as JSON."""

import json
import uuid
from collections.abc import Sequence
from enum import StrEnum

from django.db.models import Count, Q, QuerySet

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.delivery.rows import IS_WAITING
from simsim.pagination import newest
from simsim.problem import NotFound
from simsim.rfc3339 import format_time
from simsim.webhooks.models import WebhookDelivery, WebhookEndpoint
from simsim.webhooks.outbox import answers_of


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


IN_STATE = {
    DeliveryState.WAITING: IS_WAITING,
    DeliveryState.DELIVERED: Q(delivered_at__isnull=False),
    DeliveryState.GIVEN_UP: Q(delivered_at=None, given_up_at__isnull=False),
}


def endpoints_of(account: Account, *, actor: Actor) -> "QuerySet[WebhookEndpoint]":
    """Return the account's endpoints, oldest first, with `waiting`, the number of their waiting deliveries.

    Raises NotFound or NotPermitted.
    """
    permit(actor, Permission.VIEW_WEBHOOKS, account)
    waiting = Count("deliveries", filter=Q(deliveries__delivered_at=None, deliveries__given_up_at=None))
    return WebhookEndpoint.objects.filter(account=account).annotate(waiting=waiting).order_by("created_at", "pk")


def find_endpoint(endpoint_id: uuid.UUID | str, *, actor: Actor, account: Account | None = None) -> WebhookEndpoint:
    """Return the endpoint, in the account if given; raise NotFound, also for another account's endpoint."""
    wanted = _as_uuid(endpoint_id)
    if wanted is None:
        raise NotFound
    found = WebhookEndpoint.objects.select_related("account").filter(pk=wanted)
    endpoint = (found.filter(account=account) if account else found).first()
    if endpoint is None:
        raise NotFound
    permit(actor, Permission.VIEW_WEBHOOKS, endpoint.account)
    return endpoint


def list_deliveries(
    endpoint: WebhookEndpoint,
    *,
    actor: Actor,
    state: DeliveryState | None = None,
    limit: int,
    cursor: str | None = None,
) -> tuple[Sequence[WebhookDelivery], str | None]:
    """Return one page of an endpoint's deliveries, newest first, and the next page's cursor; raise Invalid."""
    permit(actor, Permission.VIEW_WEBHOOKS, endpoint.account)
    found = WebhookDelivery.objects.filter(endpoint=endpoint)
    return newest(found.filter(IN_STATE[state]) if state else found, limit=limit, cursor=cursor)


def find_delivery(delivery_id: int | str, *, actor: Actor, endpoint: WebhookEndpoint | None = None) -> WebhookDelivery:
    """Return the delivery, of the endpoint if given; raise NotFound, also for another account's delivery."""
    text = str(delivery_id)
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound
    found = WebhookDelivery.objects.select_related("endpoint__account").filter(pk=int(text))
    delivery = (found.filter(endpoint=endpoint) if endpoint else found).first()
    if delivery is None:
        raise NotFound
    permit(actor, Permission.VIEW_WEBHOOKS, delivery.endpoint.account)
    return delivery


def state_of(delivery: WebhookDelivery) -> DeliveryState:
    """Return the state of a delivery."""
    if delivery.delivered_at is not None:
        return DeliveryState.DELIVERED
    return DeliveryState.WAITING if delivery.given_up_at is None else DeliveryState.GIVEN_UP


def endpoint_document(endpoint: WebhookEndpoint) -> dict[str, object]:
    """Return an endpoint as JSON, without its secrets."""
    return {
        "id": str(endpoint.pk),
        "account_id": str(endpoint.account_id),
        "name": endpoint.name,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "status": "active" if endpoint.paused_at is None else "paused",
        "paused_at": format_time(endpoint.paused_at),
        "pause_reason": endpoint.pause_reason or None,
        "previous_secret_works_until": format_time(endpoint.previous_works_until),
        "failing_since": format_time(endpoint.failing_since),
        "last_delivered_at": format_time(endpoint.last_delivered_at),
        "created_at": format_time(endpoint.created_at),
        "created_by": endpoint.created_by_label,
    }


def delivery_document(delivery: WebhookDelivery) -> dict[str, object]:
    """Return a delivery as JSON: what was sent, and every answer that is still known, newest first."""
    state = state_of(delivery)
    return {
        "id": str(delivery.pk),
        "webhook_id": str(delivery.endpoint_id),
        "message_id": delivery.message_id,
        "event": delivery.event,
        "state": state.value,
        "owed_at": format_time(delivery.owed_at),
        "attempts": delivery.attempts,
        "next_attempt_at": format_time(delivery.due_at) if state == DeliveryState.WAITING else None,
        "delivered_at": format_time(delivery.delivered_at),
        "given_up_at": format_time(delivery.given_up_at),
        "last_error": delivery.last_error or None,
        "answers": [
            {"at": each.at, "status": each.status, "error": each.error or None, "duration_seconds": each.seconds}
            for each in answers_of(delivery)
        ],
        "payload": json.loads(delivery.body),
    }


def _as_uuid(text: uuid.UUID | str) -> uuid.UUID | None:
    try:
        return text if isinstance(text, uuid.UUID) else uuid.UUID(text)
    except ValueError:
        return None
