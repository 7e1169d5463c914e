"""Live updates of the log over HTTP: the page gets changes, cheaply, and only while it shows the newest requests."""

import re
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cast import Cast
from log_pages import NOON, log, page_of, read, signed_in
from simsim.console.logs import request_list
from simsim.request_log.models import Flood, LoggedRequest
from simsim.request_log.search import plan
from simsim.tokens.actions import edit_token
from simsim.tokens.models import Token

pytestmark = [pytest.mark.covers("R17"), pytest.mark.django_db(databases="__all__")]
ASKS = r'id="follow" data-hx-get="([^"]+)" data-hx-trigger="every 2s"'


def asks(content: str) -> str:
    """Return the URL that the page polls, "" if it does not poll."""
    found = re.search(ASKS, content)
    return found[1] if found else ""


def ids(content: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="request-([0-9]+)"', content)]


def test_page_with_live_updates_gets_only_changes(cast: Cast, alice: Client, token: Token) -> None:
    rows = [log(cast, token, received_at=NOON + timedelta(seconds=second)).pk for second in range(55)]
    address = asks(read(alice, f"{page_of(cast)}?status=2xx&follow=on"))
    answer = alice.get(address)
    assert (answer.status_code, answer.content) == (204, b"")
    log(cast, token, status=404)
    assert alice.get(address).status_code == 204
    new = log(cast, token, received_at=NOON + timedelta(hours=1)).pk
    # Stored late, as another node may: it belongs further down.
    late = log(cast, token, received_at=NOON + timedelta(seconds=50, milliseconds=500)).pk
    content = read(alice, address)
    assert ids(content) == sorted([*rows, new, late], reverse=True)[:50]
    assert alice.get(asks(content)).status_code == 204
    older = re.search(r'rel="next" href="([^"]+)"', content)
    assert older
    assert ids(read(alice, older[1])) == sorted([*rows, new, late], reverse=True)[50:]


def test_live_updates_include_ends_of_requests_new_names_and_floods(
    cast: Cast, alice: Client, token: Token, now: datetime
) -> None:
    row = log(cast, token, outcome="unknown", status=None)
    address = asks(read(alice, f"{page_of(cast)}?follow=on"))
    LoggedRequest.objects.filter(pk=row.pk).update(outcome="accepted", status=200)
    content = read(alice, address)
    assert "<b>200</b>" in content
    edit_token(actor=cast.as_alice, token=token, name="Day load", description="", software="", allowed_networks=[],
               now=now)  # fmt: skip
    content = read(alice, asks(content))
    assert "Day load" in content
    Flood.objects.create(minute=NOON, network="203.0.113.9", account=cast.acme.pk.hex, stored=60, counted=8)
    content = read(alice, asks(content))
    assert "8 more refused requests" in content
    assert alice.get(asks(content)).status_code == 204


def test_live_updates_pause_for_an_open_request_older_requests_and_errors(cast: Cast, alice: Client) -> None:
    rows = [log(cast, received_at=NOON + timedelta(seconds=second)) for second in range(3)]
    for query_text in (f"{rows[0].pk}/?follow=on", f"?cursor={rows[1].pk}&follow=on"):
        content = read(alice, page_of(cast) + query_text)
        assert asks(content) == ""
        assert "New requests " in content
        assert "Stop following" in content
        # The link back to the newest requests keeps live updates on.
        assert f'href="{page_of(cast)}?follow=on"' in content
    assert asks(read(alice, f"{page_of(cast)}?follow=on&status=lots", 422)) == ""
    for off in ("", "?follow=", "?follow=off", "?follow=on%20"):
        content = read(alice, page_of(cast) + off)
        assert asks(content) == ""
        assert f'href="{page_of(cast)}?follow=on"' in content


def test_live_updates_of_an_empty_log_show_its_first_request(cast: Cast, alice: Client) -> None:
    address = asks(read(alice, f"{page_of(cast)}?follow=on"))
    assert alice.get(address).status_code == 204
    row = log(cast)
    assert ids(read(alice, address)) == [row.pk]


def test_without_scripts_a_link_refreshes(cast: Cast, alice: Client) -> None:
    content = read(alice, f"{page_of(cast)}?status=2xx&follow=on")
    assert f'href="{page_of(cast)}?status=2xx&follow=on">Refresh</a>' in content
    assert 'http-equiv="refresh"' not in content


def test_live_updates_with_a_rare_filter_search_no_further_than_the_page(
    cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "STEP_DAYS", 1)
    monkeypatch.setattr(request_list, "PATIENCE_SECONDS", 0)
    rows = [log(cast, received_at=NOON - timedelta(days=day), outcome="unknown", status=None) for day in range(9)]
    content = read(alice, f"{page_of(cast)}?outcome=unknown&follow=on")
    assert ids(content) == [rows[0].pk]
    assert 'data-hx-trigger="load"' not in content
    assert "Search further back" in content
    assert alice.get(asks(content)).status_code == 204
    new = log(cast, received_at=NOON + timedelta(hours=1), outcome="unknown", status=None)
    content = read(alice, asks(content))
    assert ids(content) == [new.pk, rows[0].pk]
    older = re.search(r'rel="next" href="([^"]+)"', content)
    assert older
    assert ids(read(alice, older[1])) == [row.pk for row in rows[1:]]


@pytest.mark.covers("R1")
def test_charlie_cannot_follow_alices_log(cast: Cast, alice: Client, token: Token) -> None:
    log(cast, token)
    address = asks(read(alice, f"{page_of(cast)}?follow=on"))
    assert signed_in(cast.charlie).get(address).status_code == 404
    assert signed_in(cast.bob).get(address).status_code == 403
    own = address.replace(str(cast.acme.pk), str(cast.globex.pk))
    assert ids(read(signed_in(cast.charlie), own)) == []
    read(signed_in(cast.charlie), f"{own}&token={token.pk}", 404)
    # Without a session, the page is reloaded and redirects to the sign-in.
    answer = Client().get(address, headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"
    assert b"request-" not in answer.content


def test_asking_costs_few_queries_of_the_log(cast: Cast, alice: Client, token: Token) -> None:
    for second in range(50):
        log(cast, token, received_at=NOON + timedelta(seconds=second))
    address = asks(read(alice, f"{page_of(cast)}?follow=on"))
    with CaptureQueriesContext(connections[settings.REQUEST_LOG_ALIAS]) as queries:
        assert alice.get(address).status_code == 204
    # The counts by day, the rows, and the counted requests.
    assert len([each for each in queries if "request_log_" in each["sql"]]) == 3


@pytest.mark.parametrize("asked", ["", "?follow=on&cursor=5", "?follow=on&down_to=x", "?follow=on&status=lots"])
def test_only_a_page_with_live_updates_is_answered(cast: Cast, alice: Client, asked: str) -> None:
    read(alice, f"{page_of(cast)}newest/{asked}", 404)
