"""The search for everything finds what the person may see, and keeps a password out of every address and answer."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from cast import Cast
from console_client import list_of, sign_in, text_of
from logged_requests import logged
from simsim.accounts.actions import remove_user
from simsim.accounts.permissions import OPERATOR
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.models import Token
from simsim.tokens.token_credentials import TokenCredentials

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R14", "R17", "B22")]
INDEX = {
    "docnames": ["administrators/tokens", "decisions/0001-x", "operators/backup"],
    "titles": ["Tokens", "1. Rotate", "Backup"],
    "alltitles": {
        "Backup": [[2, None]], "Rotate a password": [[0, "rotate-a-password"]], "1. Rotate": [[1, None]],
        "Tokens": [[0, None]],
    },
}  # fmt: skip


@pytest.fixture
def made(cast: Cast, now: datetime) -> tuple[Token, TokenCredentials]:
    return create_token(
        actor=cast.as_alice, account=cast.acme, name="Power BI", description="of the Treasury", expires="90d", now=now
    )


@pytest.fixture(autouse=True)
def documented(settings: LazySettings, tmp_path: Path) -> None:
    (tmp_path / "searchindex.js").write_text(f"Search.setIndex({json.dumps(INDEX)})")
    settings.DOCUMENTATION_ROOT = tmp_path


def search(client: Client, cast: Cast, text: str) -> Any:
    return client.post(f"/accounts/{cast.acme.pk}/search/", {"q": text})


def found(answer: Any) -> dict[str, list[str]]:
    """Return the addresses that were found, by group."""
    assert answer.status_code == 200
    return {group.title: [find.url for find in group.finds] for group in answer.context["groups"]}


@pytest.mark.parametrize("text", ["power", "POWER b", "treasury", "alice@acme"])
def test_words_find_tokens(cast: Cast, made: tuple[Token, TokenCredentials], text: str) -> None:
    answer = search(sign_in(cast.alice), cast, text)
    assert found(answer)["Tokens"] == [f"{list_of(cast)}{made[0].pk}/"]
    assert "Active · of the Treasury" in text_of(answer)


def test_id_and_end_of_the_password_find_the_token(cast: Cast, made: tuple[Token, TokenCredentials]) -> None:
    token, _ = made
    alice = sign_in(cast.alice)
    for text in (str(token.pk), token.pk.hex, f" {token.password_end} "):
        assert found(search(alice, cast, text))["Tokens"] == [f"{list_of(cast)}{token.pk}/"]


def test_tokens_that_have_ended_come_last_and_are_said_to_have_ended(cast: Cast, now: datetime) -> None:
    ended, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Ledger, old", expires="1d", now=now)
    revoke_token(actor=cast.as_alice, token=ended, reason="leaked", now=now)
    tokens = [
        create_token(actor=cast.as_alice, account=cast.acme, name=f"Ledger {days}", expires=f"{days}d", now=now)[0]
        for days in (9, 8, 7, 6, 5, 4, 3)
    ]
    alice = sign_in(cast.alice)
    addresses = found(search(alice, cast, "ledger"))["Tokens"]
    assert addresses == [f"{list_of(cast)}{token.pk}/" for token in reversed(tokens[1:])]
    assert search(alice, cast, "ledger").context["groups"][0].more == f"{list_of(cast)}?q=ledger"
    answer = search(alice, cast, "ledger, old")
    assert found(answer)["Tokens"] == [f"{list_of(cast)}{ended.pk}/"]
    assert "Revoked" in text_of(answer)


def test_password_finds_its_token_and_nothing_writes_it_down(cast: Cast, made: tuple[Token, TokenCredentials]) -> None:
    token, credentials = made
    alice = sign_in(cast.alice)
    answer = search(alice, cast, f"curl -u user:{credentials.password} /orders")
    assert found(answer) == {"Tokens": [f"{list_of(cast)}{token.pk}/"]}
    assert "It is the current one and works." in text_of(answer)
    assert credentials.password not in answer.content.decode() + str(answer.headers) + str(alice.cookies)
    late = search(alice, cast, f"{'x' * 190} {credentials.password}")
    assert found(late) == {"Tokens": [f"{list_of(cast)}{token.pk}/"]}
    assert credentials.password[:8] not in late.content.decode()
    other = search(sign_in(cast.charlie), cast, credentials.password)
    assert other.status_code == 404
    foreign = sign_in(cast.charlie).post(f"/accounts/{cast.globex.pk}/search/", {"q": credentials.password})
    assert found(foreign) == {}
    assert "No token of this account has this password, or the password is incomplete." in text_of(foreign)


def test_word_in_the_address_is_ignored(cast: Cast, made: tuple[Token, TokenCredentials]) -> None:
    answer = sign_in(cast.alice).get(f"/accounts/{cast.acme.pk}/search/?q=power")
    assert found(answer) == {}


def test_requests_are_found_by_id_address_and_path(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    ours, theirs = (logged(account_id=account.pk) for account in (cast.acme, cast.globex))
    logs = f"/accounts/{cast.acme.pk}/logs/"
    assert found(search(alice, cast, str(ours.pk))) == {"Requests": [f"{logs}{ours.pk}/"]}
    for text in (str(theirs.pk), "9" * 19, "9" * 200, "²"):
        assert found(search(alice, cast, text)) == {}
    assert found(search(alice, cast, "2001:DB8::1"))["Requests"] == [
        f"{logs}?address=2001%3Adb8%3A%3A1",
        f"{list_of(cast)}selection/?allows=2001%3Adb8%3A%3A1",
    ]
    [by_path] = found(search(alice, cast, "/api/v2"))["Requests"]
    assert by_path == f"{logs}?endpoint=%2Fapi%2Fv2%2A"
    for address in (by_path, f"{list_of(cast)}selection/?allows=2001%3Adb8%3A%3A1"):
        assert alice.get(address).status_code == 200


def test_people_are_found_by_a_part_of_their_email(cast: Cast, now: datetime) -> None:
    alice = sign_in(cast.alice)
    address = f"/accounts/{cast.acme.pk}/people/#person-{cast.bob.pk}"
    assert found(search(alice, cast, "BOB@"))["People"] == [address]
    assert f'id="person-{cast.bob.pk}"' in alice.get(f"/accounts/{cast.acme.pk}/people/").content.decode()
    assert "People" not in found(search(alice, cast, "charlie"))
    remove_user(actor=OPERATOR, account=cast.acme, user=cast.bob, now=now)
    assert "People" not in found(search(alice, cast, "BOB@"))


def test_documentation_is_found_by_the_beginnings_of_words(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    assert found(search(alice, cast, "passw ROT")) == {
        "Documentation": ["/docs/administrators/tokens.html#rotate-a-password"]
    }
    assert found(search(alice, cast, "otate")) == {}
    assert "Nothing was found for “otate”." in text_of(search(alice, cast, "otate"))


def test_members_find_only_the_documentation(cast: Cast, made: tuple[Token, TokenCredentials]) -> None:
    logged(account_id=cast.acme.pk)
    bob = sign_in(cast.bob)
    for text in ("power", "alice", "/api", "203.0.113.9", str(made[0].pk), made[1].password):
        assert found(search(bob, cast, text)) == {}
    assert list(found(search(bob, cast, "tokens"))) == ["Documentation"]


@pytest.mark.parametrize("text", ["", " ", "\0", "%", "_", "'", "<script>", "٣", "x" * 5000])
def test_any_text_gets_an_answer(cast: Cast, text: str) -> None:
    assert search(sign_in(cast.alice), cast, text).status_code == 200


def test_key_can_be_turned_off_and_on_again(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    address = f"/accounts/{cast.acme.pk}/search/"
    assert 'data-search="/"' in alice.get(address).content.decode()
    assert alice.post(address, {"slash": "off"}).status_code == 204
    assert 'data-search=""' in alice.get(address).content.decode()
    assert alice.cookies["simsim-slash"]["httponly"]
    alice.post(address, {"slash": "on"})
    assert 'data-search="/"' in alice.get(address).content.decode()
