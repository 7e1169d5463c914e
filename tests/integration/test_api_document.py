"""schemathesis, led by the OpenAPI document: no request makes the API fail, and every answer is as described."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections, transaction
from django.test import Client
from schemathesis import GenerationMode

from api_cases import SEED, STEPS, Credentials, boundaries, checked, name_of, try_out, try_sequences, with_known_ids
from api_client import basic, management_token, program_of_olga
from cast import Cast
from console_client import sign_in
from settings_for_tests import REQUESTS
from simsim.access_reviews.actions import start_review
from simsim.accounts.actions import add_user
from simsim.accounts.permissions import OPERATOR
from simsim.api import log_streams, rate_limits
from simsim.api.urls import OPERATIONS
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import Scope
from simsim.tokens.actions import create_token
from simsim.tokens.hand_over import hand_over_token
from simsim.webhooks.actions import add_endpoint, send_test_event
from simsim.webhooks.event_types import EventType

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B7"), pytest.mark.timeout(3600)]
# Enough to notice an operation that breaks a rule; tests/proof/test_api_cases.py sends many more to a running server.
TOTAL = int(REQUESTS or 400)


@pytest.fixture
def others(cast: Cast) -> list[dict[str, dict[str, str]]]:
    """Headers and cookies of callers who may do less, or only elsewhere, or who come from a browser."""
    now = datetime.now(UTC)
    programs = [
        management_token(cast.as_alice, cast.acme, Scope.READ, now=now)[1],
        management_token(cast.as_charlie, cast.globex, Scope.TOKENS, Scope.PEOPLE, now=now)[1],
    ]
    known = [basic(each.username, each.password) for each in programs] + [program_of_olga(now).authorization]
    callers = [{"headers": {"Authorization": each}} for each in known]
    for user in (cast.alice, cast.bob):
        session, secret = sign_in(user).cookies[settings.SESSION_COOKIE_NAME].value, "a" * 32
        cookies = {settings.SESSION_COOKIE_NAME: session, settings.CSRF_COOKIE_NAME: secret}
        callers.append({"headers": {"X-CSRFToken": secret}, "cookies": cookies})
    return callers


@pytest.fixture
def document(cast: Cast, others: list[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The document, with the ids of things that exist, and the application beside the test's own connection."""
    monkeypatch.setattr(rate_limits, "QUOTA", 10**9)
    now = datetime.now(UTC)
    token, own = create_token(actor=cast.as_alice, account=cast.acme, name="Own", expires="90d", now=now)
    dora = add_user(actor=OPERATOR, account=cast.acme, email="dora@acme.example", role="member", now=now).user
    program = management_token(cast.as_alice, cast.acme, Scope.TOKENS, Scope.PEOPLE, now=now)[1]
    found = json.loads(Client().get("/api/v1/openapi.json").content)
    events = [EventType.TOKEN_CREATED]
    webhook, _ = add_endpoint(
        actor=cast.as_alice, account=cast.acme, name="W", url="https://hooks.example/", events=events, now=now
    )
    delivery = send_test_event(actor=cast.as_alice, endpoint=webhook, now=now)
    link = hand_over_token(actor=cast.as_alice, token=token, now=now).hand_over
    review = start_review(actor=cast.as_alice, account=cast.acme, now=now)
    mail = OwedMail.objects.first()
    assert mail is not None
    # A stream ends after one look at the log.
    monkeypatch.setattr(log_streams, "FOLLOW_SECONDS", 0.0)
    known = {
        "account_id": str(cast.acme.pk), "token_id": str(token.pk), "user_id": str(dora.pk), "request_id": "1",
        "webhook_id": str(webhook.pk), "delivery_id": str(delivery.pk), "hand_over_id": str(link.pk),
        "email_id": str(mail.pk), "slug": "power-bi",
        "review_id": str(review.pk), "row_id": str(review.rows.order_by("pk")[0].pk),
        "management_token_id": str(management_token(cast.as_alice, cast.acme, now=now)[0].pk),
    }  # fmt: skip
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    loaded: Any = schemathesis.openapi.from_dict(with_known_ids(found, known))
    loaded.app = WSGIHandler()
    loaded.credentials = Credentials(
        account=[basic(program.username, program.password)],
        operator=[program_of_olga(now).authorization],
        own=[basic(own.username, own.password)],
    )
    yield loaded
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Take back what is written within: a token that one case revoked would be refused to all later ones."""
    with contextlib.ExitStack() as stack:
        for name in connections:
            stack.enter_context(transaction.atomic(using=name))
        yield
        for name in connections:
            transaction.set_rollback(True, using=name)


def test_every_boundary_is_answered_as_described_whoever_asks(document: Any, others: list[Any]) -> None:
    tried = Counter[str]()
    for found in document.get_all_operations():
        for case in boundaries(document, found.ok()):
            for caller in ({"headers": document.credentials.header_for(name_of(case))}, *others):
                with undone():
                    checked(case, case.call(**caller), tried)
    print(f"{tried.total():,} requests: {sorted(tried.items())}")
    assert tried.total() > 20_000


def test_no_request_of_many_fails_and_every_answer_is_as_described(document: Any) -> None:
    print(f"SIMSIM_TEST_SEED={SEED} repeats these cases")
    began, tried, turn = time.process_time(), Counter[str](), 0
    for mode in GenerationMode:
        for found in document.get_all_operations():
            tried += try_out(found.ok(), mode, document.credentials, TOTAL // (3 * len(OPERATIONS)), undone)
    single = tried.total()
    while tried.total() < TOTAL:
        number = 1 + (TOTAL - tried.total()) // STEPS
        tried += try_sequences(document, document.credentials, number, undone, turn=turn)
        turn += 1
    spent = time.process_time() - began
    print(f"{single:,} requests and {tried.total() - single:,} in sequences, {spent:.0f} s: {sorted(tried.items())}")
    assert single > TOTAL // 3
    assert len(tried) > 3, tried
