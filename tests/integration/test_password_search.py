"""A password that is pasted into the search finds its token, and is in no URL, answer, log or cookie."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cast import Cast
from console_client import HTMX, list_of, names_in, sign_in, text_of
from simsim.audit.models import AuditEvent
from simsim.credential import password
from simsim.tokens.actions import create_token, end_overlap, revoke_token, rotate_token
from simsim.tokens.models import Token
from simsim.tokens.token_credentials import TokenCredentials

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R14", "R17")]


@pytest.fixture
def alice(cast: Cast) -> Client:
    return sign_in(cast.alice)


@pytest.fixture
def made(cast: Cast, now: datetime) -> tuple[Token, TokenCredentials]:
    return create_token(actor=cast.as_alice, account=cast.acme, name="Leaky", expires="90d", now=now)


def search(client: Client, cast: Cast, text: str, **more: Any) -> Any:
    return client.post(f"{list_of(cast)}search/", {"q": text}, **more)


def test_words_lead_to_a_url_that_can_be_bookmarked(cast: Cast, alice: Client, made: Any) -> None:
    del made
    sent = {"q": "leak", "software": "", "attention": "soon"}
    answer = alice.post(f"{list_of(cast)}search/", sent)
    assert answer["Location"] == f"{list_of(cast)}?q=leak&attention=soon"
    found = alice.post(f"{list_of(cast)}search/", sent | {"attention": ""}, headers=HTMX, follow=True)
    assert names_in(found) == ["Leaky"]
    assert alice.get(f"{list_of(cast)}search/")["Location"] == list_of(cast)


@pytest.mark.parametrize("around", ["{}", "  {}\n", "curl -u user:{} https://api.example"])
def test_password_leads_to_its_token_and_is_in_no_answer(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials], around: str
) -> None:
    token, credentials = made
    before = AuditEvent.objects.count()
    answer = search(alice, cast, around.format(credentials.password), follow=True)
    assert answer.redirect_chain == [(f"{list_of(cast)}{token.pk}/", 302)]
    assert "belongs to this token. It is the current one and works." in text_of(answer)
    for _ in range(2):  # Enter, and the pause after typing
        by_script = search(alice, cast, around.format(credentials.password), headers=HTMX)
        assert by_script["HX-Redirect"] == f"{list_of(cast)}{token.pk}/"
    assert text_of(alice.get(by_script["HX-Redirect"])).count("belongs to this token") == 1
    for each in (answer, by_script):
        kept = each.content.decode() + str(each.headers) + str(each.cookies) + str(alice.cookies)
        assert credentials.password not in kept
    assert AuditEvent.objects.count() == before, "a lookup shows no password"


def test_replaced_password_finds_its_token_and_says_whether_it_works(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials], now: datetime
) -> None:
    token, credentials = made
    token, _ = rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(days=1), now=now)
    assert "It was replaced, but still works." in text_of(search(alice, cast, credentials.password, follow=True))
    token = end_overlap(actor=cast.as_alice, token=token, now=now)
    assert "was replaced and no longer works." in text_of(search(alice, cast, credentials.password, follow=True))
    revoke_token(actor=cast.as_alice, token=token, now=now)
    assert "It no longer works." in text_of(search(alice, cast, credentials.password, follow=True))


@pytest.mark.covers("R1")
def test_unknown_and_another_accounts_passwords_get_the_same_answer(
    cast: Cast, alice: Client, made: Any, now: datetime
) -> None:
    del made
    _, foreign = create_token(actor=cast.as_charlie, account=cast.globex, name="Theirs", expires="9d", now=now)
    answers = []
    for secret in (foreign.password, password.mint()):
        answer = search(alice, cast, secret, follow=True)
        assert answer.redirect_chain == [(f"{list_of(cast)}?password=unknown", 302)]
        assert "No token of this account has this password" in text_of(answer)
        assert secret not in answer.content.decode()
        answers.append(text_of(answer))
    assert answers[0] == answers[1]


def test_part_of_a_password_is_in_no_url_either(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]
) -> None:
    part = made[1].password[:-1]
    for answer in (search(alice, cast, part), alice.get(list_of(cast), {"q": part})):
        assert answer["Location"] == f"{list_of(cast)}?password=incomplete"
    shown = alice.get(f"{list_of(cast)}?password=incomplete")
    assert "This is not a complete password" in text_of(shown)


def test_end_of_a_password_finds_its_token(cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]) -> None:
    Token.objects.update(password_end="Zq9x")
    assert names_in(alice.get(list_of(cast), {"q": "Zq9x"})) == ["Leaky"]
    assert names_in(alice.get(list_of(cast), {"q": "zq9x"})) == []
