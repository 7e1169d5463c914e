"""The operator's pages: who may see them, what they show, and that they give access to no account."""

from datetime import datetime, timedelta

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cast import PASSWORD, Cast
from console_client import HTMX, sign_in, text_of
from simsim.accounts import operators
from simsim.accounts.models import Account, User
from simsim.accounts.permissions import OPERATOR, actor_of
from simsim.audit.models import AuditEvent
from simsim.health.doctor import checks
from simsim.health.doctor.findings import Finding
from simsim.mail import outbox
from simsim.mail.models import OwedMail
from simsim.problem import NotFound, NotPermitted
from simsim.request_log.models import SetAsideLine, TokenUse, WorkerNode
from simsim.tokens.models import Token
from verbs import Simsim

pytestmark = pytest.mark.django_db(databases="__all__")
PAGES = ("", "checks/", "mail/", "mail/?state=given_up", "accounts/", "data/")
OLGA = "olga@operator.example"


@pytest.fixture
def olga(now: datetime) -> Client:
    """Olga, who operates and belongs to no account, signed in."""
    user, _ = operators.add_operator(actor=OPERATOR, email=OLGA, password=PASSWORD, now=now)
    return sign_in(user)


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What an examination finds; a real one asks the processes of this machine."""
    found = [Finding("gate", True, "answers"), Finding("mails", False, "1 given up: simsim mail retry ID")]
    monkeypatch.setattr(checks, "examine", lambda: list(found))
    return found


def owed(now: datetime, recipient: str = "bob@acme.example", **more: object) -> OwedMail:
    outbox.owe(kind="token_expired", recipient=recipient, dedupe=recipient, facts={}, now=now)
    OwedMail.objects.filter(recipient=recipient).update(**more)
    return OwedMail.objects.get(recipient=recipient)


@pytest.mark.covers("B21")
def test_nobody_but_an_operator_finds_the_operators_pages(cast: Cast, alice: Client, now: datetime) -> None:
    mail = owed(now)
    nowhere = alice.get("/nowhere/")
    for page in (*PAGES, f"mail/{mail.pk}/retry/"):
        answer = alice.get(f"/operator/{page}")
        assert answer.status_code == 404
        assert text_of(answer) == text_of(nowhere)
        assert Client().get(f"/operator/{page}").status_code == 302
    assert alice.post(f"/operator/mail/{mail.pk}/retry/").status_code == 404
    assert "/operator/" not in alice.get(f"/accounts/{cast.acme.pk}/tokens/").content.decode()
    assert Client().get("/operator/", headers=HTMX)["HX-Refresh"] == "true"
    for ask in (lambda: operators.permit_operator(cast.as_alice),
                lambda: operators.retry_mail(actor=cast.as_alice, mail_id=mail.pk, now=now)):  # fmt: skip
        with pytest.raises(NotFound):
            ask()


@pytest.mark.covers("B21", "R3")
def test_operator_has_no_access_to_an_account(cast: Cast, olga: Client, token: Token) -> None:
    account = f"/accounts/{cast.acme.pk}/"
    for page in ("", "tokens/", f"tokens/{token.pk}/", f"tokens/{token.pk}/credentials/", "logs/", "usage/", "people/"):
        assert olga.get(account + page).status_code == 404, page
    assert olga.post(f"{account}tokens/{token.pk}/credentials/").status_code == 404
    assert olga.get("/")["Location"] == "/operator/"
    accounts = text_of(olga.get("/operator/accounts/"))
    assert "Acme" in accounts
    assert token.name not in accounts


def test_only_the_command_line_makes_operators(cast: Cast, olga: Client, now: datetime) -> None:
    for actor in (cast.as_alice, actor_of(User.objects.get(email=OLGA))):
        with pytest.raises(NotPermitted):
            operators.add_operator(actor=actor, email="alice@acme.example", now=now)
        with pytest.raises(NotPermitted):
            operators.remove_operator(actor=actor, email=OLGA, now=now)


@pytest.mark.covers("B21")
def test_operator_is_added_listed_and_removed_by_the_command_line(cast: Cast, alice: Client, simsim: Simsim) -> None:
    assert simsim("operator", "list")["items"] == []
    added = simsim("operator", "add", "Alice@ACME.example")
    assert added["email"] == "alice@acme.example"
    assert "password" not in added
    assert simsim("operator", "add", "alice@acme.example")["operator_since"] == added["operator_since"]
    assert simsim("operator", "add", "new@operator.example")["password"]
    assert [each["email"] for each in simsim("operator", "list")["items"]] == [
        "alice@acme.example", "new@operator.example",
    ]  # fmt: skip
    assert alice.get("/operator/mail/").status_code == 200
    assert 'href="/operator/"' in alice.get(f"/accounts/{cast.acme.pk}/tokens/").content.decode()
    assert simsim("operator", "remove", "alice@acme.example") == {"email": "alice@acme.example", "removed": True}
    assert alice.get("/operator/mail/").status_code == 404
    assert "No operator has" in simsim("operator", "remove", "alice@acme.example", fails=3)
    told = AuditEvent.objects.filter(event__startswith="operator.").order_by("pk").values_list("event", "details")
    assert [(event, details["email"]) for event, details in told] == [
        ("operator.added", "alice@acme.example"), ("operator.added", "new@operator.example"),
        ("operator.removed", "alice@acme.example"),
    ]  # fmt: skip


@pytest.mark.covers("B21")
def test_status_shows_each_part_and_counts_what_is_wrong(cast: Cast, olga: Client, now: datetime) -> None:
    WorkerNode.objects.create(
        node="a" * 32, host="node-2", started_at=now - timedelta(days=1), round_at=now - timedelta(hours=1),
        boot_id="", boot_seconds=0, failing=[{"job": "shipping", "since": now.isoformat(), "error": "disk full"}],
        version="0.1.0",
    )  # fmt: skip
    owed(now - timedelta(hours=1))
    SetAsideLine.objects.create(found_at=now, name="gate.1", offset=7, text="{")
    shown = text_of(olga.get("/operator/"))
    assert "node-2 Wrong" in shown
    assert "shipping fails (disk full)" in shown
    assert "version 0.1.0" in shown
    assert "mail Wrong 1 waiting, the oldest for 60 min" in shown
    assert "Wrong 1 lines set aside since" in " ".join(shown.split())
    assert "No upgrade is pending" in shown
    assert "need your attention" in shown


def test_status_says_that_an_upgrade_has_begun(cast: Cast, olga: Client) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('tokens', '9999_new', '2026-01-01')")
    assert "A newer version has migrated the databases" in text_of(olga.get("/operator/"))
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'mail'")
    shown = text_of(olga.get("/operator/"))
    assert "The databases lack migrations: 2. Run simsim migrate." in shown
    assert "An upgrade is not finished" in shown


@pytest.mark.covers("B21")
def test_checks_show_what_is_wrong_first_and_are_made_once_for_several_people(
    olga: Client, examined: list[Finding]
) -> None:
    shown = text_of(olga.get("/operator/checks/"))
    assert shown.index("mails Wrong 1 given up: simsim mail retry ID") < shown.index("gate OK answers")
    examined[:] = [Finding("gate", False, "it was examined again at once")]
    assert "mails Wrong" in text_of(olga.get("/operator/checks/"))
    assert "The check found, just now: mails: 1 given up" in text_of(olga.get("/operator/"))


@pytest.mark.covers("B21")
def test_email_that_was_given_up_is_sent_again_and_that_is_recorded(cast: Cast, olga: Client, now: datetime) -> None:
    lost = owed(now, given_up_at=now, last_error="550 no such user", attempts=3, account_id=cast.acme.pk)
    shown = text_of(olga.get("/operator/mail/?state=given_up"))
    assert "bob@acme.example" in shown
    assert "550 no such user" in shown
    assert "Acme" in shown
    answer = olga.post(f"/operator/mail/{lost.pk}/retry/", follow=True)
    assert "The worker tries to send the email to bob@acme.example" in text_of(answer)
    lost.refresh_from_db()
    assert lost.given_up_at is None
    event = AuditEvent.objects.get(event="mail.retried")
    assert (event.actor_label, event.subject_id) == (OLGA, str(lost.pk))


def test_email_that_is_no_longer_true_has_no_button_and_is_not_sent(olga: Client, now: datetime) -> None:
    gone = owed(now, given_up_at=now, last_error=f"{outbox.WITHDRAWN}the token ended")
    page = olga.get("/operator/mail/?state=given_up")
    assert "Retry" not in text_of(page)
    assert "no longer true" in text_of(olga.post(f"/operator/mail/{gone.pk}/retry/", follow=True))
    assert olga.get(f"/operator/mail/{gone.pk}/retry/").status_code == 302
    assert olga.post("/operator/mail/987654/retry/").status_code == 404


def test_retry_asks_for_the_password_if_it_was_long_ago(
    olga: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = owed(now, given_up_at=now)
    session = olga.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 86_400
    session.save()
    answer = olga.post(f"/operator/mail/{lost.pk}/retry/")
    assert "reauthenticate" in answer["Location"]
    lost.refresh_from_db()
    assert lost.given_up_at is not None


@pytest.mark.covers("B21")
def test_accounts_are_found_by_name_and_id_with_their_numbers(
    cast: Cast, olga: Client, token: Token, now: datetime
) -> None:
    TokenUse.objects.create(token_id=token.pk, account_id=cast.acme.pk, used_at=now - timedelta(hours=3))
    for text in ("acme", "ＡＣＭＥ", str(cast.acme.pk)):
        shown = text_of(olga.get("/operator/accounts/", {"q": text}))
        assert "Globex" not in shown
        assert f"{cast.acme.pk} 2 1 3 hours ago" in shown
    assert "No account found" in text_of(olga.get("/operator/accounts/", {"q": "100%_nothing\0"}))


def test_list_of_accounts_asks_the_same_questions_however_many_there_are(
    cast: Cast, olga: Client, now: datetime
) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connections["default"]) as default:
            assert olga.get("/operator/accounts/").status_code == 200
        return len(default)

    few = questions()
    Account.objects.bulk_create(Account(name=f"Account {nth:03}", created_at=now) for nth in range(120))
    assert questions() == few
    second = text_of(olga.get("/operator/accounts/?page=2"))
    assert "51 to 100 of 122" in second


@pytest.mark.covers("B21", "R11")
def test_data_shows_keys_by_their_ids_and_never_a_key(olga: Client, token: Token, settings: object) -> None:
    keys = settings.KEYRING.keys  # type: ignore[attr-defined]
    page = olga.get("/operator/data/")
    shown = text_of(page)
    assert sorted(settings.KEYRING.ids())[0] in page.content.decode()  # type: ignore[attr-defined]
    assert "Encrypts new passwords" in shown
    assert "365 days SIMSIM_LOG_RETENTION_DAYS" in shown
    assert "None by simsim backup" in shown
    for key in keys:
        assert key.hex() not in page.content.decode()
    assert token.sealed_password.hex() not in page.content.decode()
