"""Endpoints that Simsim pauses because they don't work; their account's administrators are e-mailed."""

from datetime import UTC, datetime

from django.conf import settings

from simsim.accounts.permissions import administrators
from simsim.audit.events import Event
from simsim.audit.recorder import LabelledActor, record
from simsim.mail import outbox
from simsim.webhooks.models import PauseReason, WebhookEndpoint

SIMSIM = LabelledActor("Simsim")


def pause_for_trouble(endpoint: WebhookEndpoint, reason: PauseReason, *, answer: str, now: datetime) -> None:
    """Pause an endpoint, and queue an email to every administrator. Pausing a paused endpoint changes nothing.

    Call it in a transaction.
    """
    # The condition is the lock: of two workers only one changes the row, so one event is recorded.
    running = WebhookEndpoint.objects.filter(pk=endpoint.pk, paused_at=None)
    if not running.update(paused_at=now, pause_reason=reason):
        return
    details = {"name": endpoint.name, "reason": reason.value, "answer": answer}
    record(
        Event.WEBHOOK_PAUSED,
        actor=SIMSIM,
        account_id=endpoint.account_id,
        subject_id=endpoint.pk,
        details=details,
        now=now,
    )
    outbox.owe_all(mails(endpoint, reason, answer=answer, now=now), now=now)


def mails(endpoint: WebhookEndpoint, reason: PauseReason, *, answer: str, now: datetime) -> list[outbox.Mail]:
    """Return an email to every administrator of the endpoint's account."""
    since = endpoint.failing_since or now
    facts = {
        "account": endpoint.account.name,
        "webhook": endpoint.name,
        "host": endpoint.host,
        "is_gone": reason == PauseReason.GONE,
        "answer": answer,
        "failing_since": f"{since.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "link": address_of(endpoint),
    }
    return [
        outbox.Mail(
            kind="webhook_paused",
            recipient=person.email,
            dedupe=f"webhook_paused:{endpoint.pk}:{person.pk}:{now.isoformat()}",
            facts=facts,
            account_id=endpoint.account_id,
        )
        for person in administrators(endpoint.account)
    ]


def address_of(endpoint: WebhookEndpoint) -> str:
    """Return the address of an endpoint's page, on SIMSIM_BASE_URL."""
    return f"{settings.OPERATOR.base_url.rstrip('/')}/accounts/{endpoint.account_id}/webhooks/{endpoint.pk}/"
