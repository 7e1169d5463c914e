"""Second factors: apps, recovery codes, the account's requirement, and the operator's reset."""

import re
import time
import uuid
from datetime import datetime

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client

from api_client import program_of_alice, program_of_olga
from cast import Cast
from console_client import console_addresses, list_of, sign_in, text_of
from second_factor_hand import SIGN_IN, add_app, begin_sign_in, code_for, is_signed_in, recovery_codes_on
from simsim.accounts.second_factors import require_second_factor, reset_second_factors
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import Scope
from simsim.problem import NotPermitted
from simsim.tokens.actions import create_token
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R1")]


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    cache.clear()


def events_of(name: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event=name).order_by("pk"))


def changes_mailed(email: str) -> list[str]:
    mails = OwedMail.objects.filter(kind="sign_in_changed", recipient=email).order_by("pk")
    return [mail.facts["change"] for mail in mails]


def later_code(key: str) -> str:
    """Return the next code, because the current one may have been used."""
    return code_for(key, at=time.time() + 30)


def test_password_is_not_enough_with_an_app(cast: Cast) -> None:
    key, _ = add_app(sign_in(cast.alice))
    browser = begin_sign_in(cast.alice.email)
    assert not is_signed_in(browser)
    assert browser.get(list_of(cast)).status_code == 302
    wrong = browser.post(f"{SIGN_IN}authenticate/", {"code": "000000"})
    assert "This code is wrong" in text_of(wrong)
    assert not is_signed_in(browser)
    assert browser.post(f"{SIGN_IN}authenticate/", {"code": later_code(key)}).status_code == 302
    assert is_signed_in(browser)
    [*_, last] = events_of("session.signed_in")
    assert last.details["methods"] == ["password", "totp"]
    [failed] = events_of("session.sign_in_failed")
    assert (failed.account_id, failed.details["method"]) == (cast.acme.pk, "totp")


def test_code_works_once(cast: Cast) -> None:
    key, _ = add_app(sign_in(cast.alice))
    code = later_code(key)
    first, second = begin_sign_in(cast.alice.email), begin_sign_in(cast.alice.email)
    first.post(f"{SIGN_IN}authenticate/", {"code": code})
    second.post(f"{SIGN_IN}authenticate/", {"code": code})
    assert (is_signed_in(first), is_signed_in(second)) == (True, False)


def test_codes_can_not_be_guessed_from_many_browsers(cast: Cast) -> None:
    key, _ = add_app(sign_in(cast.alice))
    for number in range(6):
        browser = Client(REMOTE_ADDR=f"198.51.100.{number}")
        begin_sign_in(cast.alice.email, browser)
        answer = browser.post(f"{SIGN_IN}authenticate/", {"code": "000000"})
    assert "Too many failed attempts" in text_of(answer)
    browser.post(f"{SIGN_IN}authenticate/", {"code": later_code(key)})
    assert not is_signed_in(browser)


def test_adding_an_app_is_recorded_and_announced_once(cast: Cast) -> None:
    add_app(sign_in(cast.alice))
    [added] = events_of("user.sign_in_method_added")
    assert (added.actor_label, added.account_id) == (cast.alice.email, cast.acme.pk)
    assert added.details["change"] == "app_added"
    assert len(events_of("user.recovery_codes_created")) == 1
    assert changes_mailed(cast.alice.email) == ["app_added"]


def test_adding_an_app_needs_recent_authentication(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = sign_in(cast.alice)
    monkeypatch.setattr("simsim.accounts.recent_authentication.time.time", lambda: time.monotonic() + 10**10)
    for page in ("app/add/", "passkeys/add/"):
        asked = alice.get(f"{SIGN_IN}{page}")
        assert asked["Location"].startswith("/sign-in/reauthenticate/"), page
    assert not Authenticator.objects.exists()


def test_recovery_code_signs_in_once_and_codes_are_shown_once(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    _, codes = add_app(alice)
    assert len(set(codes)) == 10
    again = alice.get(f"{SIGN_IN}recovery-codes/")
    assert recovery_codes_on(again.content.decode()) == []
    assert not any(code in again.content.decode() for code in codes)
    for expected in (True, False):
        browser = begin_sign_in(cast.alice.email)
        browser.post(f"{SIGN_IN}authenticate/", {"code": codes[0]})
        assert is_signed_in(browser) is expected
    assert "9 codes are left" in text_of(alice.get("/security/"))


def test_new_recovery_codes_replace_the_old(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    _, old = add_app(alice)
    answer = alice.post(f"{SIGN_IN}recovery-codes/new/", follow=True)
    new = recovery_codes_on(answer.content.decode())
    assert len(new) == 10
    assert not set(new) & set(old)
    browser = begin_sign_in(cast.alice.email)
    browser.post(f"{SIGN_IN}authenticate/", {"code": old[0]})
    assert not is_signed_in(browser)
    assert changes_mailed(cast.alice.email) == ["app_added", "recovery_codes_created"]


def test_removing_the_app_is_recorded_and_announced(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    add_app(alice)
    assert alice.post(f"{SIGN_IN}app/remove/").status_code == 302
    assert not Authenticator.objects.exists()
    assert [event.details["change"] for event in events_of("user.sign_in_method_removed")] == ["app_removed"]
    assert changes_mailed(cast.alice.email) == ["app_added", "app_removed"]
    assert is_signed_in(sign_in(cast.alice))


def test_keys_of_apps_and_recovery_codes_are_stored_encrypted(cast: Cast) -> None:
    key, codes = add_app(sign_in(cast.alice))
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        stored = str(cursor.fetchall())
        cursor.execute("SELECT session_data FROM console_sessions_consolesession")
        stored += str(cursor.fetchall())
    assert key not in stored
    assert not any(code in stored for code in codes)


def test_confirmation_offers_what_the_person_has(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = sign_in(cast.alice)
    assert "Use a code" not in text_of(alice.get("/sign-in/reauthenticate/"))
    key, _ = add_app(alice)
    page = alice.get("/sign-in/reauthenticate/?next=/security/").content.decode()
    assert f'href="{SIGN_IN}confirm/?next=%2Fsecurity%2F"' in page
    assert "passkeys/confirm" not in page
    led = alice.post(f"{SIGN_IN}confirm/", {"code": later_code(key), "next": "/security/"})
    assert led["Location"] == "/security/"


def test_required_second_factor_stops_administrators_until_they_add_one(cast: Cast, now: datetime) -> None:
    alice = sign_in(cast.alice)
    require_second_factor(actor=cast.as_alice, account=cast.acme, required=True, now=now)
    for page in ("", "new/", "search/"):
        stopped = alice.get(f"{list_of(cast)}{page}")
        assert stopped.status_code == 403
        assert "Add a second factor first" in text_of(stopped)
    assert alice.post(f"{list_of(cast)}new/", {"name": "T"}).status_code == 403
    add_app(alice)
    assert alice.get(list_of(cast)).status_code == 200
    refused = alice.post(f"{SIGN_IN}app/remove/")
    assert "this is your last one" in text_of(refused)
    assert Authenticator.objects.filter(type="totp").exists()


def test_required_second_factor_stops_every_page_of_the_account(cast: Cast, now: datetime) -> None:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    alice = sign_in(cast.alice)
    require_second_factor(actor=cast.as_alice, account=cast.acme, required=True, now=now)
    asked = 0
    values = {"account_id": cast.acme.pk, "token_id": token.pk, "user_id": cast.bob.pk, "request_id": 1, "slug": "curl"}
    for route, name in console_addresses():
        if not route.startswith("accounts/<uuid:account_id>/") or name == "account":
            continue
        address = "/" + re.sub(r"<(\w+):(\w+)>", lambda part: part_of(part, values), route)
        for answer in (alice.get(address), alice.post(address, {})):
            is_other_method = answer.status_code == 405
            assert is_other_method or "Add a second factor first" in text_of(answer), (address, answer.status_code)
            asked += not is_other_method
    assert asked > 30
    # The start page of the account leads to the tokens, and so to the same page.
    assert "Add a second factor first" in text_of(alice.get(f"/accounts/{cast.acme.pk}/", follow=True))


def part_of(part: re.Match[str], values: dict[str, object]) -> str:
    any_id = uuid.UUID(int=1) if part[1] == "uuid" else 1
    return str(any_id if part[0] == "<uuid:request_id>" else values.get(part[2], any_id))


def test_last_second_factors_can_not_be_removed_by_their_address(cast: Cast, now: datetime) -> None:
    alice = sign_in(cast.alice)
    passkeys = [
        Authenticator.objects.create(user=cast.alice, type="webauthn", data={"name": name, "credential": {}})
        for name in ("One", "Two")
    ]
    require_second_factor(actor=cast.as_alice, account=cast.acme, required=True, now=now)
    answers = [alice.post(f"{SIGN_IN}passkeys/{passkey.pk}/remove/") for passkey in passkeys]
    assert [answer.status_code for answer in answers] == [302, 409]
    assert "this is your last one" in text_of(answers[1])
    assert sign_in_is_theirs(cast, passkeys[1].pk)


def sign_in_is_theirs(cast: Cast, passkey: int) -> bool:
    """Whether the passkey is there, and only its owner finds its pages."""
    charlie = sign_in(cast.charlie)
    found = [charlie.get(f"{SIGN_IN}passkeys/{passkey}/{page}/").status_code for page in ("remove", "rename")]
    return Authenticator.objects.filter(pk=passkey).exists() and found == [404, 404]


def test_requirement_stops_neither_members_nor_other_accounts(cast: Cast, now: datetime) -> None:
    require_second_factor(actor=cast.as_alice, account=cast.acme, required=True, now=now)
    assert sign_in(cast.bob).get(f"/accounts/{cast.acme.pk}/api/").status_code == 200
    assert sign_in(cast.charlie).get(f"/accounts/{cast.globex.pk}/tokens/").status_code == 200


def test_administrator_requires_and_no_longer_requires_it(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    page = f"/accounts/{cast.acme.pk}/people/second-factor/"
    shown = text_of(alice.get(page))
    assert "alice@acme.example (you)" in shown
    assert "bob@acme.example" not in shown
    alice.post(page, {"required": "yes"})
    cast.acme.refresh_from_db()
    assert cast.acme.needs_second_factor
    add_app(alice)
    alice.post(page, {"required": "no"})
    cast.acme.refresh_from_db()
    assert not cast.acme.needs_second_factor
    policy = events_of("account.second_factor_policy_changed")
    assert [event.details["required"] for event in policy] == [True, False]
    assert sign_in(cast.bob).get(page).status_code == 403
    assert sign_in(cast.charlie).get(page).status_code == 404


@pytest.mark.covers("B7")
def test_scripts_require_it_too(cast: Cast, now: datetime, simsim: Simsim) -> None:
    path, olga = f"/accounts/{cast.acme.pk}/second-factor", program_of_olga(now)
    script = program_of_alice(cast, now, Scope.PEOPLE)
    tag = script.get(path).headers["ETag"]
    assert script.send("PUT", path, {"required": True}, If_Match=tag).json() == {"required": True}
    # Alice has none herself, so her management token can do nothing more.
    assert script.get(path).status_code == 403
    assert olga.send("PUT", path, {"required": False}, If_Match=tag).status_code == 412
    assert olga.send("PUT", path, {"required": False}, If_Match="*").json() == {"required": False}
    account = str(cast.acme.pk)
    shown = {"id": account, "second_factor": "administrators"}
    assert simsim("account", "require-second-factor", account, "administrators") == shown
    assert olga.get(path).json() == {"required": True}
    assert [each.details["required"] for each in events_of("account.second_factor_policy_changed")] == [
        True,
        False,
        True,
    ]


def test_operator_resets_a_lost_second_factor(cast: Cast, now: datetime) -> None:
    alice = sign_in(cast.alice)
    add_app(alice)
    with pytest.raises(NotPermitted):
        reset_second_factors(actor=cast.as_bob, user=cast.alice, now=now)
    assert reset_second_factors(actor=cast.olga, user=cast.alice, now=now) == 2
    assert not is_signed_in(alice)
    assert is_signed_in(sign_in(cast.alice))
    [reset] = events_of("user.second_factor_reset")
    assert (reset.actor_label, reset.account_id) == ("operator", cast.acme.pk)
    assert changes_mailed(cast.alice.email)[-1] == "second_factor_reset"
    assert events_of("user.sign_in_method_removed") == []
    assert reset_second_factors(actor=cast.olga, user=cast.bob, now=now) == 0
    assert len(events_of("user.second_factor_reset")) == 1


def test_lost_secret_key_is_named(cast: Cast) -> None:
    add_app(sign_in(cast.alice))
    browser = begin_sign_in(cast.alice.email)
    before, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-key-of-the-tests-only"
    try:
        # The session is under its own key and survives.
        answer = browser.post(f"{SIGN_IN}authenticate/", {"code": "000000"})
    finally:
        settings.SECRET_KEY = before
    assert answer.status_code == 500
    assert "SIMSIM_SECRET_KEY" in text_of(answer)
