"""schemathesis, led by the OpenAPI document: no request makes the API fail, and every answer is as described."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import missing_required_header, positive_data_acceptance
from schemathesis.specs.openapi.checks import ignored_auth, unsupported_method

from api_client import basic, management_token, program_of_olga
from cast import Cast
from settings_for_tests import REQUESTS
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

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B7")]
# SIMSIM_TEST_REQUESTS=20000 sends that many; the suite sends enough to notice an operation that breaks a rule.
CASES = int(REQUESTS) // (2 * len(OPERATIONS)) if REQUESTS else 6
# What the schema can't say is refused with 422, a missing If-Match with 428. The others would send requests of their
# own with other credentials; test_api_routes.py tries those.
EXCLUDED = [positive_data_acceptance, missing_required_header, ignored_auth, unsupported_method]


@dataclass(frozen=True)
class Credentials:
    """The Authorization headers for the document's kinds of operations."""

    account: str
    operator: str
    own: str


@pytest.fixture
def document(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
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
    mail = OwedMail.objects.first()
    assert mail is not None
    # A stream ends after one look at the log.
    monkeypatch.setattr(log_streams, "FOLLOW_SECONDS", 0.0)
    known = {
        "account_id": str(cast.acme.pk), "token_id": str(token.pk), "user_id": str(dora.pk), "request_id": "1",
        "webhook_id": str(webhook.pk), "delivery_id": str(delivery.pk), "hand_over_id": str(link.pk),
        "email_id": str(mail.pk), "slug": "power-bi",
    }  # fmt: skip
    for methods in found["paths"].values():
        for described in methods.values():
            for parameter in described["parameters"]:
                if parameter["in"] == "path":
                    parameter["schema"]["enum"] = [known[parameter["name"]]]
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    loaded: Any = schemathesis.openapi.from_dict(found)
    loaded.app = WSGIHandler()
    loaded.credentials = Credentials(
        account=basic(program.username, program.password),
        operator=program_of_olga(now).authorization,
        own=basic(own.username, own.password),
    )
    yield loaded
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_fails_and_every_answer_is_as_described(document: Any, mode: GenerationMode) -> None:
    tried = Counter[str]()
    for found in document.get_all_operations():
        described = found.ok()
        name = described.definition.raw["operationId"]
        tried += try_out(described, mode, authorization_for(name, document.credentials))
    assert tried.total() > 2 * len(OPERATIONS)
    assert len(tried) > 3, tried


def authorization_for(name: str, known: Credentials) -> str:
    scopes = OPERATIONS[name].rule.scopes
    return known.own if not scopes else known.operator if scopes == {Scope.OPERATOR} else known.account


def try_out(described: Any, mode: GenerationMode, authorization: str) -> Counter[str]:
    """Send requests to one operation; return how often it answered with which status."""
    tried = Counter[str]()

    @given(case=described.as_strategy(generation_mode=mode))
    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def one(case: Any) -> None:
        answer = case.call(headers={"Authorization": authorization})
        tried[str(answer.status_code)] += 1
        assert answer.status_code < 500, answer.content
        case.validate_response(answer, excluded_checks=EXCLUDED)

    try:
        one()
    except Unsatisfiable:
        # Without a query and a body, nothing about the request can be wrong.
        assert mode is GenerationMode.NEGATIVE
    return tried
