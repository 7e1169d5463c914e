"""Deliveries to endpoints: claimed by one worker at a time, retried for two days, and fair to every endpoint."""

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from simsim.delivery import queue, signed_post
from simsim.delivery.connection import ReceiverUnavailable, connected
from simsim.problem import KeyMissing
from simsim.rfc3339 import format_time
from simsim.webhooks import destination
from simsim.webhooks.destination import DestinationRules, Resolve
from simsim.webhooks.models import PauseReason, WebhookDelivery, WebhookEndpoint
from simsim.webhooks.pauses import pause_for_trouble
from simsim.webhooks.secrets import signing_secrets

log = logging.getLogger(__name__)
# Longer than an attempt with its lookup in DNS. Afterwards, the deliveries of a killed worker can be claimed again.
LEASE = timedelta(minutes=2)
ATTEMPT_SECONDS = 15.0
PATIENCE = timedelta(days=2)
FIRST_WAIT = timedelta(seconds=15)
MAX_WAIT = timedelta(hours=6)
# The attempts to one endpoint at a time, and to all endpoints of one account. A worker has more threads, so that the
# account whose endpoints hang leaves one for the others.
MAX_IN_FLIGHT, MAX_IN_FLIGHT_OF_ACCOUNT = 2, 3
# After this many failures in a row, an endpoint gets one attempt at a time, and rests after each that fails.
MAX_FAILURES = 5
FIRST_REST = timedelta(seconds=10)
MAX_REST = timedelta(minutes=10)
MIN_FAILURES_TO_PAUSE = 10
TURN_SECONDS = 10.0
TRIES = 5
MAX_ANSWERS = 20
# The threads of a worker claim in turn. Otherwise, on SQLite, all of them find the same endpoint ready and wait for the
# only write lock, which a thread needs to store an answer, too.
_claim_turn = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """The result of one attempt: the answer's status, or None and an error if there was no answer."""

    at: str
    status: int | None
    error: str
    seconds: float

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)

    @property
    def text(self) -> str:
        return signed_post.status_text(self.status) if self.status else self.error


def deliver_due(*, now: datetime, resolve: Resolve = destination.resolve_with_system) -> int:
    """Send the due deliveries; return the number of attempts. Concurrent callers share the work.

    A round ends after some seconds, so that `now` stays accurate enough: leases begin at that time.
    """
    queue.undo_postponements(waiting(), longest=MAX_WAIT, now=now, lease_ends_at=None)
    ahead = WebhookEndpoint.objects.filter(rests_until__gt=now + MAX_REST + queue.AHEAD)
    if ahead.exists():
        ahead.update(rests_until=None)
    attempts, ends = 0, time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends and (claimed := claim(now)):
        deliver(claimed[0], now, resolve=resolve)
        attempts += 1
    return attempts


def waiting() -> "QuerySet[WebhookDelivery]":
    """Return the deliveries that are neither accepted nor given up."""
    return queue.waiting(WebhookDelivery.objects.all())


def claim(now: datetime) -> list[WebhookDelivery]:
    """Return one due delivery, or an empty list; until the lease ends, no other worker gets it."""
    with _claim_turn:
        for endpoint_id in ready_endpoints(now):
            if claimed := claim_of(endpoint_id, now):
                return claimed
            # Another worker was faster: try the next endpoint.
    return []


@transaction.atomic
def claim_of(endpoint_id: uuid.UUID, now: datetime) -> list[WebhookDelivery]:
    """Return one due delivery to the endpoint, or an empty list if enough attempts are under way.

    The endpoint's row is the lock: otherwise, all workers could claim at once and wait for one receiver that hangs.
    """
    endpoint = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint_id).first()
    here = waiting().filter(endpoint_id=endpoint_id)
    if endpoint is None:
        return []
    most = 1 if endpoint.failures >= MAX_FAILURES else MAX_IN_FLIGHT
    if queue.in_flight(here, now, lease=LEASE).count() >= most or endpoint.account_id in busy_accounts(now):
        return []
    due = here.filter(due_at__lte=now).order_by("due_at")
    return queue.claim(due[:1], lease=LEASE, now=now, lease_ends_at=now + LEASE)


def under_way(now: datetime) -> "QuerySet[WebhookDelivery]":
    return queue.in_flight(waiting(), now, lease=LEASE).order_by()


def busy_accounts(now: datetime) -> set[uuid.UUID]:
    """Return the accounts that have enough attempts under way."""
    flying = under_way(now).values("endpoint__account").annotate(flying=Count("pk"))
    found = flying.filter(flying__gte=MAX_IN_FLIGHT_OF_ACCOUNT)
    return set(found.values_list("endpoint__account", flat=True))


def ready_endpoints(now: datetime) -> list[uuid.UUID]:
    """Return some endpoints that have something due, in random order, so that each gets its turn.

    Those that are paused or rest are left out, and those that have enough attempts under way.
    """
    busy = under_way(now).values("endpoint").annotate(flying=Count("pk"))
    ready = (
        WebhookEndpoint.objects.filter(Q(rests_until=None) | Q(rests_until__lte=now), paused_at=None)
        .exclude(pk__in=busy.filter(flying__gte=MAX_IN_FLIGHT).values("endpoint"))
        .exclude(account__in=busy_accounts(now))
        .exclude(failures__gte=MAX_FAILURES, pk__in=busy.values("endpoint"))
        .filter(Exists(waiting().filter(endpoint=OuterRef("pk"), due_at__lte=now)))
    )
    return list(ready.order_by("?").values_list("pk", flat=True)[:TRIES])


def deliver(delivery: WebhookDelivery, now: datetime, *, resolve: Resolve = destination.resolve_with_system) -> bool:
    """Make one attempt, and return whether the receiver accepted the event."""
    endpoint = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).first()
    if endpoint is None:
        return False  # it was removed, and its deliveries with it
    began, status, error = time.monotonic(), None, ""
    try:
        status = send(endpoint, delivery, now, resolve=resolve)
    except ReceiverUnavailable as failure:
        error = str(failure)
    except KeyMissing as failure:
        error = f"The secret can’t be decrypted: {failure}"
    except DatabaseError:
        raise
    except Exception as failure:  # whatever fails, the delivery stays in the queue, and the others go on
        log.exception("webhook delivery %s failed", delivery.pk)
        error = type(failure).__name__
    answer = Answer(format_time(now) or "", status, error[:300], round(time.monotonic() - began, 3))
    with transaction.atomic():
        (note_success if answer.is_success else note_failure)(endpoint, delivery, answer, now)
    return answer.is_success


def send(endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime, *, resolve: Resolve) -> int:
    """Return the status of the answer; raise ReceiverUnavailable if there is none, and KeyMissing."""
    rules: DestinationRules = settings.WEBHOOK_RULES
    parts = destination.split(endpoint.url)
    if parts is None or (parts.scheme == "http" and not rules.is_http_allowed):
        raise ReceiverUnavailable("its URL must begin with https://")
    body = delivery.body.encode()
    head = signed_post.headers(parts.netloc, signing_secrets(endpoint, now), delivery.message_id, body, now)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # Connect to exactly the addresses that were checked: a second lookup could lead elsewhere (DNS rebinding).
    addresses = destination.checked_addresses(parts, rules, resolve=resolve)
    tls = destination.tls_context(rules.authorities) if parts.scheme == "https" else None
    with connected(addresses, server_name=parts.hostname or "", tls=tls, seconds=ATTEMPT_SECONDS) as connection:
        return signed_post.post(connection, path, body, head)


def note_success(endpoint: WebhookEndpoint, delivery: WebhookDelivery, answer: Answer, now: datetime) -> None:
    """Record that the receiver accepted the event, even if the lease has ended."""
    of_this_attempt(delivery).update(
        delivered_at=now, given_up_at=None, lease_ends_at=None, last_error="", answers=with_answer(delivery, answer)
    )
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        failures=0, failing_since=None, rests_until=None, last_delivered_at=now
    )


def note_failure(endpoint: WebhookEndpoint, delivery: WebhookDelivery, answer: Answer, now: datetime) -> None:
    """Try again after a wait that doubles; give up after two days. An endpoint that fails for that long is paused."""
    wait = queue.wait_after(delivery.attempts, first=FIRST_WAIT, longest=MAX_WAIT)
    is_over = now + wait > (delivery.tried_until or delivery.owed_at + PATIENCE)
    queue.waiting(of_this_attempt(delivery)).update(
        due_at=now + wait,
        lease_ends_at=None,
        last_error=answer.text,
        given_up_at=now if is_over else None,
        answers=with_answer(delivery, answer),
    )
    log.warning("webhook delivery %s to %s was not accepted: %s", delivery.pk, endpoint.host, answer.text)
    if answer.status == 410:  # Standard Webhooks: the receiver wants no more of them
        waiting().filter(endpoint=endpoint).update(given_up_at=now, lease_ends_at=None, last_error=answer.text)
        pause_for_trouble(endpoint, PauseReason.GONE, answer=answer.text, now=now)
        return
    endpoints = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    endpoints.update(failures=F("failures") + 1, failing_since=endpoint.failing_since or now)
    failures = endpoint.failures + 1
    if failures >= MAX_FAILURES:
        rest = queue.wait_after(failures - MAX_FAILURES + 1, first=FIRST_REST, longest=MAX_REST)
        endpoints.update(rests_until=now + rest)
    # An endpoint that gets few events may have failed only twice in two days.
    if failures >= MIN_FAILURES_TO_PAUSE and now - (endpoint.failing_since or now) >= PATIENCE:
        pause_for_trouble(endpoint, PauseReason.FAILING, answer=answer.text, now=now)


def of_this_attempt(delivery: WebhookDelivery) -> "QuerySet[WebhookDelivery]":
    """Return the row if this attempt is the latest: after its lease, another worker may have claimed the row."""
    return queue.of_these_attempts(WebhookDelivery.objects.all(), [delivery])


def with_answer(delivery: WebhookDelivery, answer: Answer) -> list[Mapping[str, object]]:
    """Return the delivery's latest answers, with this one."""
    return [*delivery.answers, asdict(answer)][-MAX_ANSWERS:]


def answers_of(delivery: WebhookDelivery) -> list[Answer]:
    """Return the results of the latest attempts, newest first."""
    return [Answer(**answer) for answer in reversed(delivery.answers)]


def delete_old(before: datetime) -> int:
    """Delete some deliveries that were queued before then, even waiting ones of paused endpoints; return how many."""
    first = WebhookDelivery.objects.order_by("pk").values_list("pk", "owed_at")[: queue.AT_ONCE]
    old = [pk for pk, owed_at in first if owed_at < before]
    return WebhookDelivery.objects.filter(pk__in=old).delete()[0] if old else 0
