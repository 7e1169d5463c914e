"""Every URL below an account, from the router: who may open it, and that nobody else can change anything."""

import html
from datetime import datetime
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from api_client import management_token
from cast import Cast
from console_client import console_addresses, sign_in
from logged_requests import logged
from route_rules import FOR_EVERYONE, FORMS
from simsim.access_reviews.actions import start_review
from simsim.credential.password import whole_ones
from simsim.tokens.actions import create_token
from simsim.tokens.hand_over import hand_over_token
from simsim.tokens.hand_over_links import offer_to_member
from simsim.tokens.models import Token
from simsim.tokens.token_credentials import TokenCredentials
from simsim.tokens.token_requests import ask_for_token
from simsim.webhooks.actions import add_endpoint, send_test_event

pytestmark = pytest.mark.django_db(databases="__all__")

ROUTES = {name: route for route, name in console_addresses() if "<uuid:account_id>" in route}


@pytest.fixture
def made(cast: Cast, now: datetime) -> tuple[Token, TokenCredentials]:
    return create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)


@pytest.fixture
def addresses(cast: Cast, made: tuple[Token, TokenCredentials], now: datetime) -> dict[str, str]:
    """The URL of each name, with ids that exist in Acme."""
    asked = ask_for_token(actor=cast.as_bob, account=cast.acme, name="W", purpose="P", software="", now=now)
    row = logged(received_at=now, account_id=cast.acme.pk, outcome="refused", reason="x", cause="x")
    link = hand_over_token(actor=cast.as_alice, token=made[0], now=now)
    asked_for, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Offered", expires="90d", now=now)
    offer = offer_to_member(actor=cast.as_alice, token=asked_for, recipient=cast.bob, now=now)
    ours, _ = management_token(cast.as_alice, cast.acme, now=now)
    endpoint, _ = add_endpoint(
        actor=cast.as_alice, account=cast.acme, name="Hook", url="https://hooks.example/", events=["token.expired"],
        now=now,
    )  # fmt: skip
    values: dict[str, object] = {
        "token_id": made[0].pk, "user_id": cast.bob.pk, "slug": "curl", "act": "revoke", "endpoint_id": endpoint.pk,
        "review_id": start_review(actor=cast.as_alice, account=cast.acme, now=now).pk,
        "delivery_id": send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now).pk,
    }  # fmt: skip

    def address(name: str, route: str) -> str:
        kwargs = {key: value for key, value in values.items() if f":{key}>" in route}
        if name == "revoke_management_token":
            kwargs["token_id"] = ours.pk
        if ":request_id>" in route:
            kwargs["request_id"] = row.pk if "<int:request_id>" in route else asked.pk
        if ":hand_over_id>" in route:
            kwargs["hand_over_id"] = offer.pk if name == "offered_token" else link.hand_over.pk
        return reverse(f"console:{name}", kwargs={"account_id": cast.acme.pk, **kwargs})

    return {name: address(name, route) for name, route in ROUTES.items()}


def state() -> list[tuple[str, list[tuple[Any, ...]]]]:
    """Return every row of our tables, except those that a sign-in writes."""
    ours = [model for model in apps.get_models() if model.__module__.startswith("simsim.")]
    rows = [(model.__name__, list(model._default_manager.order_by("pk").values_list())) for model in ours]
    return [(name, found) for name, found in rows if name not in {"AuditEvent", "Chain", "User", "ConsoleSession"}]


def test_every_url_has_an_access_policy() -> None:
    assert set(ROUTES) == FOR_EVERYONE | set(FORMS)
    assert FOR_EVERYONE.isdisjoint(FORMS)


@pytest.mark.covers("R1", "R3")
@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("charlie", 404)])
def test_administrators_pages_open_only_to_them(
    cast: Cast, made: tuple[Token, TokenCredentials], addresses: dict[str, str], who: str, status: int
) -> None:
    client = sign_in(getattr(cast, who))
    before = state()
    for name, form in FORMS.items():
        answers = [client.get(addresses[name]), client.post(addresses[name], form)]
        codes = {answer.status_code for answer in answers}
        assert status in codes, name
        assert codes <= {status, 405}, name
        for answer in answers:
            said = html.unescape(answer.content.decode())
            assert made[1].password not in said
            assert "“Power BI”" not in said
    assert state() == before


@pytest.mark.covers("R1")
@pytest.mark.parametrize("name", sorted(FOR_EVERYONE))
def test_members_pages_open_to_members_and_not_to_strangers(
    cast: Cast, made: tuple[Token, TokenCredentials], addresses: dict[str, str], name: str
) -> None:
    bob, charlie = sign_in(cast.bob), sign_in(cast.charlie)
    answers = [bob.get(addresses[name]), bob.post(addresses[name], {})]
    assert {answer.status_code for answer in answers} <= {200, 302, 405, 422}, name
    shown = [bool(whole_ones(answer.content.decode())) for answer in answers if not answer.streaming]
    # The only page that shows a member a password is the one on which an administrator handed it to them.
    assert shown == [False, True] if name == "offered_token" else not any(shown)
    before = state()
    codes = {answer.status_code for answer in (charlie.get(addresses[name]), charlie.post(addresses[name], {}))}
    assert codes <= {404, 405}
    assert 404 in codes
    assert state() == before


def test_every_page_requires_sign_in(addresses: dict[str, str]) -> None:
    client, before = Client(), state()
    for name, address in addresses.items():
        for answer in (client.get(address), client.post(address, FORMS.get(name, {}))):
            if answer.status_code != 405:
                assert answer.status_code == 302, name
                assert answer["Location"].startswith("/sign-in/login/?next=/accounts/")
    assert state() == before


@pytest.mark.covers("R1")
def test_objects_of_another_account_do_not_open_under_the_own_account(cast: Cast, addresses: dict[str, str]) -> None:
    charlie, before = sign_in(cast.charlie), state()
    for name, address in addresses.items():
        if ROUTES[name].count("<") > 1 and "<slug:" not in ROUTES[name]:
            own = address.replace(str(cast.acme.pk), str(cast.globex.pk))
            codes = {answer.status_code for answer in (charlie.get(own), charlie.post(own, FORMS.get(name, {})))}
            assert codes <= {404, 405}, name
            assert 404 in codes, name
    assert state() == before
