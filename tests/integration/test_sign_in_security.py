"""Changes of passwords are announced, sessions are listed and ended, and the database opens none of them."""

import re
import time
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cast import PASSWORD, Cast
from console_client import list_of, sign_in, text_of
from second_factor_hand import is_signed_in
from simsim.accounts.actions import change_role, remove_user
from simsim.accounts.invitations import invite, link_to_choose_a_password
from simsim.accounts.passwords import reset_password
from simsim.audit.models import AuditEvent
from simsim.console.security.places import browser_name
from simsim.console_sessions.models import ConsoleSession
from simsim.mail.message import message
from simsim.mail.models import OwedMail

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R1")]
NEW = "kettle violin marsh umbrella"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    cache.clear()


def mails(kind: str) -> list[OwedMail]:
    return list(OwedMail.objects.filter(kind=kind).order_by("pk"))


def change_password(client: Client, new: str = NEW) -> int:
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    return client.post("/sign-in/password/change/", data).status_code


def test_changed_password_is_recorded_announced_and_ends_other_sessions(cast: Cast) -> None:
    here, elsewhere = sign_in(cast.alice), sign_in(cast.alice)
    assert change_password(here) == 302
    assert (is_signed_in(here), is_signed_in(elsewhere)) == (True, False)
    [event] = AuditEvent.objects.filter(event="user.password_changed")
    assert (event.actor_label, event.account_id) == (cast.alice.email, cast.acme.pk)
    [mail] = mails("sign_in_changed")
    assert (mail.recipient, mail.facts["change"]) == (cast.alice.email, "password_changed")
    assert mail.facts["address"] == "127.0.0.1"
    assert NEW not in str(mail.facts)


def test_password_counts_exactly_as_it_was_typed(cast: Cast) -> None:
    chosen = " Kettle violin MARSH umbrella " + "é" * 60
    assert change_password(sign_in(cast.alice), chosen) == 302
    for typed in (chosen.strip(), chosen.lower(), chosen[:-1], chosen):
        browser = Client()
        browser.post("/sign-in/login/", {"login": cast.alice.email, "password": typed})
        assert is_signed_in(browser) == (typed == chosen), typed


def test_password_fields_hide_what_is_typed_and_let_managers_fill_them(cast: Cast) -> None:
    link = "/" + link_to_choose_a_password(cast.bob).split("/", 3)[3]
    visitor = Client()
    pages = [
        visitor.get("/sign-in/login/"),
        visitor.get(link, follow=True),
        sign_in(cast.alice).get("/sign-in/password/change/"),
    ]
    fields = [re.findall(r'<input[^>]* name="\w*password\w*"[^>]*>', page.content.decode()) for page in pages]
    assert [len(found) for found in fields] == [1, 2, 3]
    for field in chain(*fields):
        assert 'type="password"' in field
        assert re.search(r'autocomplete="(?:current|new)-password"', field), field


def test_session_of_before_the_sign_in_is_not_the_one_after_it(cast: Cast) -> None:
    browser = Client()
    session = browser.session
    session["planted"] = 1
    session.save()
    before = browser.cookies["simsim"].value
    browser.post("/sign-in/login/", {"login": cast.alice.email, "password": PASSWORD})
    assert is_signed_in(browser)
    assert browser.cookies["simsim"].value != before
    planted = Client()
    planted.cookies["simsim"] = before
    assert not is_signed_in(planted)


def test_password_chosen_by_link_is_recorded_announced_and_ends_every_session(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    cast.alice.refresh_from_db()
    link = "/" + link_to_choose_a_password(cast.alice).split("/", 3)[3]
    thief = Client()
    thief.post(thief.get(link)["Location"], {"password1": NEW, "password2": NEW})
    assert not is_signed_in(alice)
    [mail] = mails("sign_in_changed")
    assert mail.facts["change"] == "password_chosen_by_link"
    assert AuditEvent.objects.filter(event="user.password_changed").count() == 1


def test_password_set_by_the_operator_is_announced(cast: Cast, now: datetime) -> None:
    alice = sign_in(cast.alice)
    reset_password(actor=cast.olga, user=cast.alice, password=NEW, now=now)
    assert not is_signed_in(alice)
    assert [mail.facts["change"] for mail in mails("sign_in_changed")] == ["password_set_by_operator"]


@pytest.mark.parametrize("easy", ["123456789012", "letmein123456", "simsimsimsim", "Acme-alice-4711"])
def test_easy_password_is_refused_in_the_console(cast: Cast, easy: str) -> None:
    assert change_password(sign_in(cast.alice), easy) == 200
    cast.alice.refresh_from_db()
    assert cast.alice.check_password(PASSWORD)


def test_password_made_of_the_accounts_name_is_refused(cast: Cast) -> None:
    cast.acme.name = "Wonderland Trading"
    cast.acme.save()
    page = sign_in(cast.alice)
    data = {"oldpassword": PASSWORD, "password1": "WonderlandTrading#4711", "password2": "WonderlandTrading#4711"}
    assert "Wonderland Trading" in text_of(page.post("/sign-in/password/change/", data))


def test_sessions_are_listed_and_ended_one_by_one_or_all(cast: Cast) -> None:
    here = sign_in(cast.alice)
    for number in range(3):
        elsewhere = sign_in(cast.alice, Client(REMOTE_ADDR=f"198.51.100.{number}", HTTP_USER_AGENT=FIREFOX))
    page = text_of(here.get("/security/"))
    assert page.count("Firefox on Windows") >= 3
    assert "From 198.51.100.2" in page
    assert page.count("This session") == 1
    [row] = ConsoleSession.objects.filter(address="198.51.100.2")
    here.post(f"/security/sessions/{row.pk}/end/")
    assert not is_signed_in(elsewhere)
    here.post("/security/sessions/end/")
    assert ConsoleSession.objects.filter(user=cast.alice).count() == 1
    assert is_signed_in(here)
    ended = AuditEvent.objects.filter(event="session.ended").order_by("pk")
    assert [event.details["ended"] for event in ended] == [1, 2]


def test_nobody_ends_the_session_of_another_person(cast: Cast) -> None:
    alice, charlie = sign_in(cast.alice), sign_in(cast.charlie)
    [row] = ConsoleSession.objects.filter(user=cast.alice)
    charlie.post(f"/security/sessions/{row.pk}/end/")
    assert is_signed_in(alice)
    assert not AuditEvent.objects.filter(event="session.ended").exists()


@pytest.mark.parametrize("what", ["role", "removal"])
def test_role_change_and_removal_end_sessions_at_once(cast: Cast, now: datetime, what: str) -> None:
    bob = sign_in(cast.bob)
    if what == "role":
        change_role(actor=cast.as_alice, account=cast.acme, user=cast.bob, role="administrator", now=now)
    else:
        remove_user(actor=cast.as_alice, account=cast.acme, user=cast.bob, now=now)
    assert not is_signed_in(bob)


def test_idle_session_ends_and_use_postpones_the_end(cast: Cast) -> None:
    idle, used = sign_in(cast.alice), sign_in(cast.alice)
    minutes = timedelta(minutes=settings.OPERATOR.session_idle_minutes)
    for row in ConsoleSession.objects.all():
        assert (
            timedelta(0) < row.expire_date - row.last_used_at - minutes + timedelta(seconds=5) < timedelta(seconds=10)
        )
    halfway = datetime.now(UTC) - minutes / 2
    ConsoleSession.objects.update(last_used_at=halfway, expire_date=halfway + minutes)
    assert is_signed_in(used)
    ConsoleSession.objects.filter(last_used_at=halfway).update(expire_date=datetime.now(UTC))
    assert (is_signed_in(idle), is_signed_in(used)) == (False, True)


def test_session_ends_after_its_hours_whatever_its_use(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = sign_in(cast.alice)
    session = alice.session
    session["simsim_signed_in_at"] = time.time() - settings.OPERATOR.session_hours * 3600 + 30
    session.save()
    assert is_signed_in(alice)
    ends = ConsoleSession.objects.get(user=cast.alice).expire_date
    assert ends < datetime.now(UTC) + timedelta(seconds=31)
    session["simsim_signed_in_at"] -= 31
    session.save()
    assert not is_signed_in(alice)


def test_what_is_stored_opens_no_session(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    key = alice.session.session_key or ""
    link = "/" + link_to_choose_a_password(cast.bob).split("/", 3)[3]
    visitor = Client()
    visitor.get(link)
    reset_key = link.rstrip("/").split("/key/")[1].split("-", 1)[1]
    assert reset_key in str(dict(visitor.session))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM console_sessions_consolesession")
        stored = str(cursor.fetchall())
    assert key not in stored
    assert reset_key not in stored
    assert cast.alice.password not in stored
    for row in ConsoleSession.objects.all():
        thief = Client()
        thief.cookies[settings.SESSION_COOKIE_NAME] = row.pk
        assert not is_signed_in(thief)


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.any_database
def test_database_file_and_its_wal_hold_neither_session_keys_nor_reset_keys(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "simsim.mail.django_backend.OwedBackend")
    key = sign_in(cast.alice).session.session_key or ""
    Client().post("/sign-in/password/reset/", {"email": cast.bob.email})
    [mail] = mails("ready_made")
    [reset_key] = re.findall(r"/key/\w+-(\w+-\w+)/", str(message(mail).body))
    invite(actor=cast.as_alice, account=cast.acme, email="dora@acme.example", role="member", now=datetime.now(UTC))
    [invited] = mails("invited")
    [invitation_key] = re.findall(r"/key/\w+-(\w+-\w+)/", str(message(invited).body))
    name = Path(str(connection.settings_dict["NAME"]).removeprefix("file://").partition("?")[0])
    files = [file for file in (name, name.with_name(f"{name.name}-wal")) if file.exists()]
    stored = b"".join(file.read_bytes() for file in files)
    assert cast.alice.email.encode() in stored
    for secret in (key, reset_key, invitation_key):
        assert secret.encode() not in stored


def test_new_browser_is_announced_and_a_known_one_is_not(cast: Cast) -> None:
    first = sign_in(cast.alice)
    assert mails("signed_in_elsewhere") == [], "the first sign-in of all"
    first.post("/sign-in/logout/")
    sign_in(cast.alice, first)
    assert mails("signed_in_elsewhere") == []
    sign_in(cast.alice, Client(REMOTE_ADDR="198.51.100.9", HTTP_USER_AGENT=FIREFOX))
    [mail] = mails("signed_in_elsewhere")
    assert mail.recipient == cast.alice.email
    assert (mail.facts["address"], mail.facts["browser"]) == ("198.51.100.9", "Firefox on Windows")


def test_browser_of_another_person_is_new(cast: Cast) -> None:
    shared = sign_in(cast.bob)
    sign_in(cast.alice)
    shared.post("/sign-in/logout/")
    sign_in(cast.alice, shared)
    assert [mail.recipient for mail in mails("signed_in_elsewhere")] == [cast.alice.email]
    forged = Client()
    forged.cookies["simsim-browser"] = "eyJpZCI6ImEiLCJwZW9wbGUiOlsxXX0:x:y"
    sign_in(cast.alice, forged)
    assert len(mails("signed_in_elsewhere")) == 2


def test_well_known_addresses(cast: Cast) -> None:
    assert Client().get("/.well-known/change-password")["Location"] == "/sign-in/password/change/"
    assert Client().get("/.well-known/security.txt").status_code == 404
    before = settings.OPERATOR
    settings.OPERATOR = before.model_copy(update={"security_contact": "mailto:security@example.com"})
    try:
        lines = Client().get("/.well-known/security.txt").content.decode().splitlines()
    finally:
        settings.OPERATOR = before
    fields = dict(line.split(": ", 1) for line in lines)
    assert fields["Contact"] == "mailto:security@example.com"
    expires = datetime.fromisoformat(fields["Expires"])
    assert timedelta(days=1) < expires - datetime.now(UTC) < timedelta(days=365)
    assert fields["Canonical"].endswith("/.well-known/security.txt")


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36",
         "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/129.0 Safari/537.36 Edg/129.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile Safari/604.1",
         "Safari on iPhone"),
        ("<script>alert(1)</script>", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_browser_is_named_in_words(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name


def test_security_page_needs_a_sign_in(cast: Cast) -> None:
    assert Client().get("/security/")["Location"].startswith("/sign-in/login/")
    assert sign_in(cast.bob).get(list_of(cast)).status_code == 403
    assert is_signed_in(sign_in(cast.bob))


def test_notices_are_changed_only_after_a_recent_proof(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = sign_in(cast.alice)
    monkeypatch.setattr("simsim.accounts.recent_authentication.time.time", lambda: time.monotonic() + 10**10)
    page = f"/accounts/{cast.acme.pk}/notices/"
    assert alice.get(page).status_code == 200
    assert alice.post(page, {"token_revoked": "nobody"})["Location"].startswith("/sign-in/reauthenticate/")
    assert not AuditEvent.objects.filter(event="account.notices_changed").exists()


def test_use_is_written_at_most_once_a_minute(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    for seconds, writes in ((10, 0), (90, 1)):
        ConsoleSession.objects.update(last_used_at=datetime.now(UTC) - timedelta(seconds=seconds))
        with CaptureQueriesContext(connection) as found:
            assert is_signed_in(alice)
        updates = [query["sql"] for query in found.captured_queries if query["sql"].startswith("UPDATE")]
        assert len(updates) == writes
