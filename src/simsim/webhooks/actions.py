"""Actions that change webhooks: each checks permission, changes and records in one transaction."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.texts import parse_line
from simsim.audit.events import Event
from simsim.audit.recorder import record
from simsim.problem import FieldError, Invalid, NotFound, TooManyWebhooks, WebhookPaused
from simsim.webhooks import outbox, secrets
from simsim.webhooks.destination import parse_url
from simsim.webhooks.event_types import TEST, parse_event_types
from simsim.webhooks.models import PauseReason, WebhookDelivery, WebhookEndpoint
from simsim.webhooks.occurrences import delivery as unsaved_delivery

MAX_ENDPOINTS = 10
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True)
class SigningSecret:
    """A secret to show once; the receiver verifies signatures with it."""

    secret: str = field(repr=False)


@transaction.atomic
def add_endpoint(
    *, actor: Actor, account: Account, name: str, url: str, events: Iterable[str], now: datetime
) -> tuple[WebhookEndpoint, SigningSecret]:
    """Add an endpoint, and return it with its secret, which can't be shown again.

    Raises Invalid with every field that breaks a rule, and TooManyWebhooks if the account has MAX_ENDPOINTS.
    """
    permit(actor, Permission.MANAGE_WEBHOOKS, account)
    # Without the lock, two concurrent additions could exceed the limit.
    lock_open(account)
    name, url, chosen = parse_fields(name, url, events)
    if WebhookEndpoint.objects.filter(account=account).count() >= MAX_ENDPOINTS:
        raise TooManyWebhooks(number=str(MAX_ENDPOINTS))
    endpoint = WebhookEndpoint(
        account=account,
        name=name,
        url=url,
        events=chosen,
        created_at=now,
        created_by=actor.user,
        created_by_label=actor.label,
    )
    secret = secrets.new_secret()
    endpoint.sealed_secret = secrets.seal(secret, endpoint_id=endpoint.pk, account_id=account.pk)
    endpoint.save(force_insert=True)
    record_webhook_event(actor, endpoint, Event.WEBHOOK_ADDED, audited_fields(endpoint), now)
    return endpoint, SigningSecret(secret)


@transaction.atomic
def edit_endpoint(
    *,
    actor: Actor,
    endpoint: WebhookEndpoint,
    name: str | None = None,
    url: str | None = None,
    events: Iterable[str] | None = None,
    now: datetime,
) -> WebhookEndpoint:
    """Change the fields that are given; waiting deliveries go to the new URL. Raises Invalid."""
    endpoint = lock_endpoint(actor, endpoint)
    before, before_url = audited_fields(endpoint), endpoint.url
    endpoint.name, endpoint.url, endpoint.events = parse_fields(
        endpoint.name if name is None else name,
        endpoint.url if url is None else url,
        endpoint.events if events is None else events,
    )
    changed: dict[str, object] = {
        key: [before[key], value] for key, value in audited_fields(endpoint).items() if value != before[key]
    }
    if endpoint.url != before_url:
        # The audit trail has only the host, because the rest may be a secret.
        changed["url_changed"] = True
    if changed:
        endpoint.save(update_fields=["name", "url", "events"])
        record_webhook_event(actor, endpoint, Event.WEBHOOK_EDITED, changed, now)
    return endpoint


@transaction.atomic
def remove_endpoint(*, actor: Actor, endpoint: WebhookEndpoint, now: datetime) -> None:
    """Remove an endpoint with its deliveries, also those that wait. Removing it again changes nothing."""
    permit(actor, Permission.MANAGE_WEBHOOKS, endpoint.account)
    if WebhookEndpoint.objects.filter(pk=endpoint.pk).delete()[0]:
        record_webhook_event(actor, endpoint, Event.WEBHOOK_REMOVED, {"name": endpoint.name}, now)


@transaction.atomic
def rotate_secret(*, actor: Actor, endpoint: WebhookEndpoint, now: datetime) -> tuple[WebhookEndpoint, SigningSecret]:
    """Give an endpoint a new secret; for OVERLAP, the previous one signs too. Any older one stops now."""
    endpoint = lock_endpoint(actor, endpoint)
    secret = secrets.new_secret()
    endpoint.sealed_previous, endpoint.previous_works_until = endpoint.sealed_secret, now + OVERLAP
    endpoint.sealed_secret = secrets.seal(secret, endpoint_id=endpoint.pk, account_id=endpoint.account_id)
    endpoint.save(update_fields=["sealed_secret", "sealed_previous", "previous_works_until"])
    record_webhook_event(actor, endpoint, Event.WEBHOOK_SECRET_ROTATED, {"name": endpoint.name}, now)
    return endpoint, SigningSecret(secret)


@transaction.atomic
def pause_endpoint(*, actor: Actor, endpoint: WebhookEndpoint, now: datetime) -> WebhookEndpoint:
    """Pause an endpoint: its events wait until it is resumed. Pausing it again changes nothing."""
    endpoint = lock_endpoint(actor, endpoint)
    if endpoint.paused_at is None:
        endpoint.paused_at, endpoint.pause_reason = now, PauseReason.PERSON
        endpoint.save(update_fields=["paused_at", "pause_reason"])
        record_webhook_event(actor, endpoint, Event.WEBHOOK_PAUSED, {"name": endpoint.name, "reason": "person"}, now)
    return endpoint


@transaction.atomic
def resume_endpoint(*, actor: Actor, endpoint: WebhookEndpoint, now: datetime) -> WebhookEndpoint:
    """Resume an endpoint: its waiting events are sent now, and tried for two more days."""
    endpoint = lock_endpoint(actor, endpoint)
    if endpoint.paused_at is not None:
        endpoint.paused_at, endpoint.pause_reason = None, ""
        endpoint.failures, endpoint.failing_since, endpoint.rests_until = 0, None, None
        endpoint.save(update_fields=["paused_at", "pause_reason", "failures", "failing_since", "rests_until"])
        waiting = outbox.waiting().filter(endpoint=endpoint)
        waiting.update(due_at=now, lease_ends_at=None, tried_until=now + outbox.PATIENCE)
        record_webhook_event(actor, endpoint, Event.WEBHOOK_RESUMED, {"name": endpoint.name}, now)
    return endpoint


@transaction.atomic
def send_test_event(*, actor: Actor, endpoint: WebhookEndpoint, now: datetime) -> WebhookDelivery:
    """Queue a test event; while one is waiting, return that one. Raises WebhookPaused."""
    endpoint = lock_running(actor, endpoint)
    waiting = outbox.waiting().filter(endpoint=endpoint, event=TEST).first()
    if waiting is not None:
        return waiting
    data = {"account_id": str(endpoint.account_id), "webhook": endpoint.name, "sent_by": actor.label}
    made = unsaved_delivery(endpoint, TEST, f"msg_{uuid.uuid4().hex}", data, now=now)
    made.save(force_insert=True)
    record_webhook_event(actor, endpoint, Event.WEBHOOK_TESTED, {"name": endpoint.name}, now)
    return made


@transaction.atomic
def resend(*, actor: Actor, delivery: WebhookDelivery, now: datetime) -> WebhookDelivery:
    """Send an event again now, with the same id, and try for two more days. Raises WebhookPaused."""
    endpoint = lock_running(actor, delivery.endpoint)
    fresh = WebhookDelivery.objects.select_for_update().filter(pk=delivery.pk).first()
    if fresh is None:
        raise NotFound
    fresh.delivered_at = fresh.given_up_at = fresh.lease_ends_at = None
    fresh.due_at, fresh.tried_until = now, now + outbox.PATIENCE
    fresh.save(update_fields=["delivered_at", "given_up_at", "lease_ends_at", "due_at", "tried_until"])
    # Somebody has probably mended the receiver: don't let it rest any longer.
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(rests_until=None)
    details = {"name": endpoint.name, "message_id": fresh.message_id, "event": fresh.event}
    record_webhook_event(actor, endpoint, Event.WEBHOOK_RESENT, details, now)
    return fresh


def parse_fields(name: str, url: str, events: Iterable[str]) -> tuple[str, str, list[str]]:
    """Return the fields in their stored form; raise Invalid with every field that breaks a rule."""
    errors: list[FieldError] = []
    values: list[object] = []
    for parse in (
        lambda: parse_line("name", name),
        lambda: parse_url(url, settings.WEBHOOK_RULES),
        lambda: parse_event_types(events),
    ):
        try:
            values.append(parse())
        except Invalid as problem:
            errors += problem.errors
    if errors:
        raise Invalid(*errors)
    line, address, chosen = values
    return str(line), str(address), list(chosen) if isinstance(chosen, list) else []


def lock_endpoint(actor: Actor, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Return the endpoint as it is now, locked until the transaction ends; raise NotFound or NotPermitted."""
    permit(actor, Permission.MANAGE_WEBHOOKS, endpoint.account)
    rows = WebhookEndpoint.objects.select_related("account").select_for_update(of=("self",))
    fresh = rows.filter(pk=endpoint.pk).first()
    if fresh is None:
        raise NotFound
    return fresh


def lock_running(actor: Actor, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Return the endpoint as `lock_endpoint` does; raise WebhookPaused if nothing is sent to it now."""
    fresh = lock_endpoint(actor, endpoint)
    if fresh.paused_at is not None:
        raise WebhookPaused(name=fresh.name)
    return fresh


def audited_fields(endpoint: WebhookEndpoint) -> dict[str, object]:
    """Return the fields that the audit trail records: not the whole URL, which may contain a secret."""
    return {"name": endpoint.name, "host": endpoint.host, "events": list(endpoint.events)}


def record_webhook_event(
    actor: Actor, endpoint: WebhookEndpoint, event: Event, details: Mapping[str, object], now: datetime
) -> None:
    record(event, actor=actor, account_id=endpoint.account_id, subject_id=endpoint.pk, details=details, now=now)
