"""The console's pages over HTTP: who may open them, and what they show or must not show."""

import html
import re
import time
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory
from pytest_django import Settings

from cast import PASSWORD, Cast
from console_client import list_of, sign_in
from simsim.accounts.actions import add_user
from simsim.accounts.models import Role
from simsim.accounts.permissions import OPERATOR
from simsim.console.errors import server_error
from simsim.mail.models import OwedMail
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.models import Token
from simsim.tokens.token_credentials import TokenCredentials

pytestmark = pytest.mark.django_db(databases="__all__")
HOSTILE = "<script>alert(1)</script> \"'&amp; שלום 🔑 " + "x" * 150


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    """The cache counts attempts to sign in, and outlives a test."""
    cache.clear()


@pytest.fixture
def alice(cast: Cast) -> Client:
    return sign_in(cast.alice)


@pytest.fixture
def made(cast: Cast, now: datetime) -> tuple[Token, TokenCredentials]:
    return create_token(
        actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", allowed_networks=["10.0.0.0/8"], now=now
    )


def forms_of(cast: Cast, token: Token) -> dict[str, dict[str, str]]:
    """Every URL below an account, with the fields that its form would post."""
    tokens = list_of(cast)
    return {
        tokens: {},
        f"{tokens}ended/": {},
        f"{tokens}new/": {"name": "Mine", "expires": "30d", "network": ""},
        f"{tokens}{token.pk}/": {"name": "Mine", "network": ""},
        f"{tokens}{token.pk}/credentials/": {},
        f"{tokens}{token.pk}/revoke/": {"reason": "leaked"},
    }


def text_of(content: bytes) -> str:
    return html.unescape(content.decode())


@pytest.mark.covers("R3")
def test_member_sees_who_the_administrators_are(cast: Cast) -> None:
    answer = sign_in(cast.bob).get("/", follow=True)
    assert answer.status_code == 200
    assert "mailto:alice@acme.example" in answer.content.decode()


def test_wrong_password_reveals_nothing_else(cast: Cast) -> None:
    client = Client()
    known = client.post("/sign-in/login/", {"login": cast.alice.email, "password": "wrong"})
    unknown = client.post("/sign-in/login/", {"login": "nobody@acme.example", "password": "wrong"})
    assert (known.status_code, unknown.status_code) == (200, 200)
    assert "not correct" in known.content.decode()

    def without(content: bytes) -> str:
        return re.sub(r'value="[^"]*"', "", content.decode())

    assert without(known.content) == without(unknown.content)


def test_guessing_is_slowed_down(cast: Cast) -> None:
    client = Client()
    answers = [
        client.post("/sign-in/login/", {"login": cast.alice.email, "password": f"guess {number}"})
        for number in range(6)
    ]
    assert "Too many failed attempts" in text_of(answers[-1].content)
    right = client.post("/sign-in/login/", {"login": cast.alice.email, "password": PASSWORD})
    assert right.status_code == 200  # not let in


def test_nobody_can_sign_up_or_change_their_email(alice: Client) -> None:
    for path in ("signup/", "email/", "confirm-email/abc/", "password/set/"):
        assert alice.get(f"/sign-in/{path}").status_code == 404
        assert Client().post(f"/sign-in/{path}", {"email": "eve@evil.example"}).status_code in {403, 404}


@pytest.mark.covers("R5", "R6", "R7", "R10", "R15")
def test_created_token_shows_its_credentials_once(cast: Cast, alice: Client) -> None:
    form = {
        "name": "Power BI", "expires": "30d", "description": "For Finance", "software": "power-bi",
        "network": ["10.0.0.0/8", "203.0.113.9"],
    }  # fmt: skip
    answer = alice.post(f"{list_of(cast)}new/", form)
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    token = Token.objects.get()
    assert (token.name, token.description, token.allowed_networks) == (
        "Power BI", "For Finance", ["10.0.0.0/8", "203.0.113.9/32"],
    )  # fmt: skip
    page = answer.content.decode()
    assert str(cast.acme.pk) in page
    secret = re.search(r'value="(sim_[0-9A-Za-z]{49})"', page)
    assert secret
    # Only in that answer: neither in the session nor in a message for the next page.
    assert secret[1] not in repr(dict(alice.session))
    assert secret[1] not in alice.get(f"{list_of(cast)}{token.pk}/").content.decode()


@pytest.mark.covers("R5")
def test_form_that_is_sent_twice_creates_one_token_and_leads_to_it(cast: Cast, alice: Client) -> None:
    form = {"name": "Power BI", "expires": "30d", "network": ""}
    alice.post(f"{list_of(cast)}new/", form)
    again = alice.post(f"{list_of(cast)}new/", form)
    assert (again.status_code, Token.objects.count()) == (409, 1)
    assert f"/tokens/{Token.objects.get().pk}/" in again.content.decode()


@pytest.mark.covers("R6", "R10")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "required"),
        ({"name": "x" * 201}, "200"),
        ({"expires": "date", "expires_on": "2020-01-01"}, "past"),
        ({"expires": "date", "expires_on": ""}, "date"),
        ({"expires": "date", "expires_on": "31.12.2030"}, "date"),
        ({"expires": "4000d"}, "ten years"),
        ({"software": "no-such-software"}, "software"),
        ({"network": "10.0.0.1/8"}, "Enter 10.0.0.0/8"),
        ({"network": "010.0.0.1"}, "leading zeros"),
        ({"network": "<b>everywhere</b>"}, "neither an address nor a network"),
    ],
)
def test_invalid_input_is_reported_at_the_field_and_typed_texts_are_kept(
    cast: Cast, alice: Client, change: dict[str, str], said: str
) -> None:
    form = {"name": "Power BI", "expires": "30d", "description": "For Finance", "network": "192.0.2.0/24"} | change
    answer = alice.post(f"{list_of(cast)}new/", form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert not Token.objects.exists()
    feedback = re.findall(r'class="invalid-feedback"[^>]*>([^<]*)<', page)
    assert any(said in html.unescape(text) for text in feedback), feedback
    assert "For Finance" in page
    assert f'value="{html.escape(form["network"], quote=True)}"' in page
    assert "<b>everywhere" not in page


@pytest.mark.covers("R10")
def test_buttons_among_the_networks_work_without_a_script(cast: Cast, alice: Client) -> None:
    new = f"{list_of(cast)}new/"
    form = {"name": "Half typed", "expires": "60d", "network": ["10.0.0.0/8, 192.0.2.0/24", ""]}

    def lines(press: str) -> list[str]:
        page = alice.post(new, form | {"press": press}, REMOTE_ADDR="198.51.100.7").content.decode()
        assert 'value="Half typed"' in page
        return re.findall(r'name="network" value="([^"]*)"', page)

    assert lines("add-row") == ["10.0.0.0/8", "192.0.2.0/24", "", ""]
    assert lines("add-mine") == ["10.0.0.0/8", "192.0.2.0/24", "198.51.100.7"]
    assert lines("remove-0") == ["192.0.2.0/24", ""]
    assert not Token.objects.exists()


@pytest.mark.covers("R12")
def test_edit_changes_the_editable_fields(cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]) -> None:
    token = made[0]
    form = {"name": "Renamed", "description": "New", "software": "excel", "network": "192.0.2.0/24", "expires": "365d"}
    answer = alice.post(f"{list_of(cast)}{token.pk}/", form, follow=True)
    assert "Your changes are saved" in answer.content.decode()
    before, token = token, Token.objects.get()
    assert (token.name, token.allowed_networks) == ("Renamed", ["192.0.2.0/24"])
    assert (token.expires_at, bytes(token.digest)) == (before.expires_at, bytes(before.digest))
    bad = alice.post(f"{list_of(cast)}{token.pk}/", form | {"network": "nowhere"})
    assert bad.status_code == 422
    assert Token.objects.get().allowed_networks == ["192.0.2.0/24"]


@pytest.mark.covers("R11")
def test_credentials_are_shown_again_only_in_answer_to_a_post(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]
) -> None:
    token, credentials = made
    address = f"{list_of(cast)}{token.pk}/credentials/"
    assert alice.get(address)["Location"] == f"{list_of(cast)}{token.pk}/"
    answer = alice.post(address)
    assert credentials.password in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.covers("R11")
def test_old_session_needs_the_password_before_showing_or_creating_credentials(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]
) -> None:
    session = alice.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - 3600
    session.save()
    token, credentials = made
    assert alice.get(f"{list_of(cast)}new/")["Location"].startswith("/sign-in/reauthenticate/")
    asked = alice.post(f"{list_of(cast)}{token.pk}/credentials/")
    assert asked["Location"].startswith("/sign-in/reauthenticate/")
    assert "HTTP_COOKIE" not in repr(dict(alice.session))
    wrong = alice.post(asked["Location"], {"password": "wrong"})
    assert credentials.password not in wrong.content.decode()
    shown = alice.post(asked["Location"], {"password": PASSWORD}, follow=True)
    assert credentials.password in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]


@pytest.mark.covers("R13", "R14")
def test_revoked_token_moves_to_the_ended_tokens_with_time_reason_and_person(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]
) -> None:
    token = made[0]
    question = f"{list_of(cast)}{token.pk}/revoke/"
    assert "never used" in alice.get(question).content.decode()
    assert alice.post(question, {"reason": "because"}).status_code == 422
    assert Token.objects.get().revoked_at is None
    said = alice.post(question, {"reason": "leaked"}, follow=True).content.decode()
    assert "no longer works" in said
    assert "No active tokens yet" in alice.get(list_of(cast)).content.decode()
    ended = text_of(alice.get(f"{list_of(cast)}ended/").content)
    for shown in ("Power BI", "Revoked", "alice@acme.example", "Leaked, or may have leaked", "just now"):
        assert shown in ended
    assert alice.get(question)["Location"] == f"{list_of(cast)}{token.pk}/"
    assert alice.post(f"{list_of(cast)}{token.pk}/credentials/").status_code == 409


@pytest.mark.covers("R14")
def test_expired_token_is_listed_with_the_ended_tokens(cast: Cast, alice: Client, now: datetime) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="Old", expires="1d", now=now - timedelta(days=3))
    assert "Old" not in alice.get(list_of(cast)).content.decode()
    ended = alice.get(f"{list_of(cast)}ended/").content.decode()
    assert "Old" in ended
    assert "Expired" in ended


def test_hostile_names_are_shown_and_run_nowhere(cast: Cast, alice: Client, now: datetime) -> None:
    token, _ = create_token(
        actor=cast.as_alice, account=cast.acme, name=HOSTILE, expires="90d", description=HOSTILE, now=now
    )
    tokens = list_of(cast)
    pages = [tokens, f"{tokens}{token.pk}/", f"{tokens}{token.pk}/revoke/"]
    contents = [alice.get(page).content.decode() for page in pages]
    contents.append(alice.post(f"{tokens}{token.pk}/credentials/").content.decode())
    revoke_token(actor=cast.as_alice, token=token, now=now)
    contents += [alice.get(page).content.decode() for page in (f"{tokens}ended/", f"{tokens}{token.pk}/")]
    for content in contents:
        assert "<script>alert" not in content
        assert HOSTILE in html.unescape(content)


def test_pages_run_and_load_nothing_inline(cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]) -> None:
    pages = ["/", "/nothing", "/sign-in/password/change/", *forms_of(cast, made[0])]
    for page in pages:
        answer = alice.get(page, follow=True)
        policy = answer["Content-Security-Policy"]
        assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        content = answer.content.decode()
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", content), page
        assert not re.search(r'(?:src|href)="(?:https?:)?//', content), page
        assert ('action="/sign-in/logout/"' in content) == (not page.startswith("/sign-in/")), page
        assert answer["X-Frame-Options"] == "DENY"
        assert (answer["X-Content-Type-Options"], answer["Referrer-Policy"]) == ("nosniff", "same-origin")
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        assert (answer["Cross-Origin-Opener-Policy"], answer["Cross-Origin-Resource-Policy"]) == ("same-origin",) * 2


def test_form_from_another_site_changes_nothing(cast: Cast, made: tuple[Token, TokenCredentials]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.post(f"{list_of(cast)}{made[0].pk}/revoke/", {"reason": "leaked"})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()
    assert Token.objects.get().revoked_at is None


def test_long_list_is_paged(cast: Cast, alice: Client, now: datetime) -> None:
    for number in range(26):
        create_token(actor=cast.as_alice, account=cast.acme, name=f"Token {number:03}", expires="90d", now=now)
    first, second = (alice.get(f"{list_of(cast)}?page={page}").content.decode() for page in (1, 2))
    assert first.count('class="name"') == 25
    assert second.count('class="name"') == 1
    assert "1 to 25 of 26" in first
    assert alice.get(f"{list_of(cast)}?page=nonsense").status_code == 200


@pytest.mark.covers("R1")
def test_person_of_several_accounts_chooses_and_switches(cast: Cast, now: datetime) -> None:
    add_user(actor=OPERATOR, account=cast.globex, email=cast.alice.email, role=Role.MEMBER, now=now)
    client = sign_in(cast.alice)
    chosen = client.get("/").content.decode()
    assert "Choose an account" in chosen
    page = client.get(list_of(cast)).content.decode()
    assert f"/accounts/{cast.globex.pk}/" in page
    assert client.get(f"/accounts/{cast.globex.pk}/").status_code == 200


def test_person_without_an_account_sees_what_to_do(cast: Cast) -> None:
    cast.alice.memberships.all().delete()
    answer = sign_in(cast.alice).get("/")
    assert "You don’t belong to an account yet" in answer.content.decode()


def test_failure_page_needs_neither_database_nor_session() -> None:
    answer = server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "not yours" in answer.content.decode()


def test_signing_out_ends_the_session(cast: Cast, alice: Client) -> None:
    assert "Sign out?" in alice.get("/sign-in/logout/").content.decode()
    alice.post("/sign-in/logout/")
    assert alice.get(list_of(cast)).status_code == 302


def test_forgotten_password_page_does_not_reveal_who_has_access(cast: Cast, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "simsim.mail.django_backend.OwedBackend"  # the test runner's own keeps mail in memory
    client = Client()
    known = client.post("/sign-in/password/reset/", {"email": cast.alice.email}, follow=True)
    unknown = client.post("/sign-in/password/reset/", {"email": "nobody@acme.example"}, follow=True)
    assert known.content == unknown.content
    mails = list(OwedMail.objects.all())
    assert [mail.recipient for mail in mails] == [cast.alice.email]
    assert f"http://{settings.BASE.netloc}/sign-in/password/reset/key/" in mails[0].facts["text"]
