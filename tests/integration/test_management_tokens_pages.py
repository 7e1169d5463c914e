"""The console's page *Management tokens*: list, create with credentials shown once, revoke, and self-rotation."""

import re
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from api_client import Program, basic, management_token
from cast import Cast
from console_client import sign_in, text_of
from simsim.management_tokens.models import ManagementToken

pytestmark = pytest.mark.django_db(databases="__all__")
FORM = {"name": "GitHub Actions", "expires": "90d", "scopes": ["tokens"], "allowed_networks": "127.0.0.1\n10.0.0.0/8"}


@pytest.fixture
def alice(cast: Cast) -> Client:
    """Alice, who has just entered her password."""
    cache.clear()
    return sign_in(cast.alice)


@pytest.fixture
def pages(cast: Cast) -> str:
    return f"/accounts/{cast.acme.pk}/management-tokens/"


@pytest.mark.covers("B7")
def test_an_administrator_creates_one_and_sees_its_credentials_once(alice: Client, pages: str, cast: Cast) -> None:
    assert "There are no management tokens" in text_of(alice.get(pages))
    made = alice.post(f"{pages}new/", FORM)
    assert made.status_code == 201
    username, password = re.findall(r'id="(?:username|password)" value="([^"]+)"', made.content.decode())
    assert Program(basic(username, password)).get(f"/accounts/{cast.acme.pk}/tokens").status_code == 200
    listed = alice.get(pages)
    assert password not in listed.content.decode()
    text = text_of(listed)
    for expected in ("GitHub Actions", "manage tokens", "127.0.0.1/32, 10.0.0.0/8", "alice@acme.example", "just now"):
        assert expected in text, expected


def test_a_wrong_form_says_what_to_correct_and_creates_nothing(alice: Client, pages: str) -> None:
    refused = alice.post(f"{pages}new/", {"name": " ", "expires": "90d", "allowed_networks": "10.0.0.1/8"})
    assert refused.status_code == 422
    text = text_of(refused)
    for expected in ("No management token was created", "Choose at least one of these scopes", "10.0.0.0/8"):
        assert expected in text, expected
    assert not ManagementToken.objects.exists()


@pytest.mark.covers("R1")
def test_members_and_strangers_see_and_do_nothing(cast: Cast, pages: str, now: datetime) -> None:
    token, _ = management_token(cast.as_alice, cast.acme, now=now)
    for person, status in ((cast.bob, 403), (cast.charlie, 404)):
        browser = sign_in(person)
        for path in (pages, f"{pages}new/", f"{pages}{token.pk}/revoke/", f"{pages}self-rotation/"):
            assert browser.post(path, FORM).status_code in {status, 405}, path
            assert browser.get(path).status_code == status
    token.refresh_from_db()
    assert token.revoked_at is None
    assert ManagementToken.objects.count() == 1


def test_creation_and_self_rotation_need_a_recent_password(alice: Client, pages: str, cast: Cast) -> None:
    session = alice.session
    for record in session["account_authentication_methods"]:
        record["at"] -= timedelta(hours=1).total_seconds()
    session.save()
    for path, data in (("new/", FORM), ("self-rotation/", {"allow": "yes"})):
        assert "/reauthenticate/" in alice.post(pages + path, data).headers["Location"]
    cast.acme.refresh_from_db()
    assert not ManagementToken.objects.exists()
    assert not cast.acme.programs_may_rotate


def test_one_is_revoked_after_a_question(alice: Client, pages: str, cast: Cast, now: datetime) -> None:
    token, credentials = management_token(cast.as_alice, cast.acme, now=now)
    assert "Revoke “CI”?" in text_of(alice.get(f"{pages}{token.pk}/revoke/"))
    assert Program.of(credentials).get("/accounts").status_code == 200
    assert "was revoked" in text_of(alice.post(f"{pages}{token.pk}/revoke/", follow=True))
    assert Program.of(credentials).get("/accounts").status_code == 401
    assert alice.get(f"{pages}{token.pk}/revoke/").status_code == 302


@pytest.mark.covers("B2")
def test_an_administrator_lets_programs_rotate_their_token(alice: Client, pages: str, cast: Cast) -> None:
    for wanted, said in (("yes", "may now rotate"), ("no", "may no longer rotate")):
        assert said in text_of(alice.post(f"{pages}self-rotation/", {"allow": wanted}, follow=True))
        cast.acme.refresh_from_db()
        assert cast.acme.programs_may_rotate is (wanted == "yes")
