"""Many tokens at once in the console: chosen in the list or by filter, and changed after a question (B18)."""

import re
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client

from cast import Cast
from console_client import list_of, sign_in, text_of
from simsim.request_log.models import TokenAddressDay
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.models import Status, Token

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B18")]


@pytest.fixture
def three(cast: Cast, now: datetime) -> list[Token]:
    return [
        create_token(actor=cast.as_alice, account=cast.acme, name=name, expires="90d", now=now)[0]
        for name in ("One", "Two", "Three")
    ]


def shown(client: Client, url: str) -> dict[str, str]:
    """Return the fingerprint of a question."""
    page = client.get(url)
    assert page.status_code == 200, page.content
    found = re.search(r'name="fingerprint" value="(\w+)"', page.content.decode())
    assert found
    return {"fingerprint": found[1]}


def statuses(now: datetime) -> dict[str, str]:
    return {token.name: token.status(now + timedelta(seconds=5)).value for token in Token.objects.all()}


def test_ticked_tokens_are_paused_and_the_pause_is_undone(cast: Cast, now: datetime, three: list[Token]) -> None:
    alice = sign_in(cast.alice)
    assert alice.get(list_of(cast)).content.decode().count('name="tokens"') == 3
    picked = urlencode([("one_by_one", "yes"), ("tokens", three[0].pk), ("tokens", three[1].pk)])
    url = f"{list_of(cast)}selection/pause/?{picked}"
    page = text_of(alice.get(url))
    assert "Pause 2 tokens?" in page
    assert "One email goes to each administrator: alice@acme.example." in page
    sent = shown(alice, url) | {"reason": "Stolen"}
    for wrong in ("", "3", "two"):
        assert alice.post(url, sent | {"number": wrong}).status_code == 422
    assert set(statuses(now).values()) == {Status.ACTIVE}
    done = alice.post(url, sent | {"number": "2"}, follow=True)
    assert "2 tokens were paused." in text_of(done)
    assert "2 tokens stopped together on" in text_of(done)
    assert statuses(now) == {"One": "paused", "Two": "paused", "Three": "active"}
    undo = re.search(r'formaction="([^"]*resume/)"', done.content.decode())
    assert undo
    url = f"{undo[1]}?{done.request['QUERY_STRING']}"
    assert "2 tokens work again." in text_of(alice.post(url, shown(alice, url) | {"number": "2"}, follow=True))
    assert set(statuses(now).values()) == {Status.ACTIVE}


def test_filtered_tokens_are_revoked_but_for_those_left_out(cast: Cast, now: datetime, three: list[Token]) -> None:
    alice = sign_in(cast.alice)
    assert "Created by" in text_of(alice.get(f"/accounts/{cast.acme.pk}/incident/"))
    preview = alice.get(f"{list_of(cast)}selection/?creator=alice%40acme.example")
    assert "3 tokens chosen" in text_of(preview)
    url = f"{list_of(cast)}selection/revoke/?creator=alice%40acme.example&without={three[2].pk}"
    sent = shown(alice, url) | {"number": "2"}
    assert alice.post(url, sent | {"reason": "odd"}).status_code == 422
    done = alice.post(url, sent | {"reason": "leaked"}, follow=True)
    assert "2 tokens were revoked." in text_of(done)
    assert statuses(now) == {"One": "revoked", "Two": "revoked", "Three": "active"}


def test_nothing_is_done_if_somebody_changes_the_tokens_after_the_preview(
    cast: Cast, now: datetime, three: list[Token]
) -> None:
    alice = sign_in(cast.alice)
    url = f"{list_of(cast)}selection/pause/"
    sent = shown(alice, url)
    revoke_token(actor=cast.as_alice, token=three[0], now=now)
    answer = alice.post(url, sent | {"number": "3"})
    assert (answer.status_code, "Nothing was done" in text_of(answer)) == (409, True)
    assert "Pause 2 tokens?" in text_of(answer)
    assert statuses(now) == {"One": "revoked", "Two": "active", "Three": "active"}


def test_networks_are_changed_after_their_effect_was_shown(cast: Cast, now: datetime, three: list[Token]) -> None:
    TokenAddressDay.objects.create(
        token_id=three[0].pk, account_id=cast.acme.pk, day=now.date(), address="192.0.2.9", accepted=7
    )
    alice = sign_in(cast.alice)
    page = f"{list_of(cast)}selection/networks/"
    assert 'name="fingerprint"' not in alice.get(page).content.decode()
    assert alice.get(f"{page}?networks=here").status_code == 422
    entered = {"networks": "198.51.100.0/24", "how": "replace"}
    url = f"{page}?{urlencode(entered)}"
    assert "would have refused 7 of the 7 requests" in text_of(alice.get(url))
    sent = shown(alice, url) | entered | {"number": "3"}
    assert "3 tokens have new allowed networks." in text_of(alice.post(page, sent, follow=True))
    assert {tuple(token.allowed_networks) for token in Token.objects.all()} == {("198.51.100.0/24",)}
    added = {"networks": "198.51.100.0/24", "how": "add"}
    assert "Nothing would change" in text_of(alice.get(f"{page}?{urlencode(added)}"))


def test_without_a_ticked_token_nothing_is_chosen(cast: Cast, three: list[Token]) -> None:
    alice = sign_in(cast.alice)
    for act in ("", "pause/", "revoke/", "networks/"):
        answer = alice.get(f"{list_of(cast)}selection/{act}?one_by_one=yes", follow=True)
        assert "Choose at least one token." in text_of(answer), act
    assert alice.get(f"{list_of(cast)}selection/odd/").status_code == 404
    for wrong in ("tokens=odd", "used_before=odd", "allows=odd", "state=odd", "stopped_at=odd"):
        assert alice.get(f"{list_of(cast)}selection/?{wrong}").status_code == 422, wrong
        assert alice.get(f"{list_of(cast)}selection/pause/?{wrong}").status_code == 302, wrong
    for person in (cast.bob, cast.charlie):
        client = sign_in(person)
        assert client.get(f"{list_of(cast)}selection/").status_code in {403, 404}
        assert client.post(f"{list_of(cast)}selection/pause/", {"number": "3"}).status_code in {403, 404}
