"""A person's data is found, exported and erased by one command, and what stays is named."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import connections, models
from django.test import Client

from account_things import Things
from cast import PASSWORD, Cast
from concurrency import race
from console_client import sign_in
from simsim.access_reviews.actions import keep_rows, sign_off, start_review
from simsim.access_reviews.models import AccessReview
from simsim.access_reviews.selectors import RowFilter
from simsim.accounts.actions import add_user, change_role, create_account
from simsim.accounts.invitations import invite
from simsim.accounts.models import Account, Membership, User
from simsim.accounts.operators import add_operator
from simsim.accounts.permissions import OPERATOR, actor_of
from simsim.accounts.portal_links import create_portal_link
from simsim.accounts.provisioning_models import ProvisionedPerson
from simsim.audit import verification
from simsim.audit.adoption import begin_chains
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent, Chain
from simsim.leak_reports.models import LeakReport
from simsim.mail.models import OwedMail
from simsim.personal_data import erasure
from simsim.personal_data.mentions import Mentions
from simsim.personal_data.places import KEPT, LOG, text_columns
from simsim.tokens.account_closure import close_account
from simsim.tokens.creation_freeze import freeze_creation
from simsim.tokens.models import Token, TokenRequest
from verbs import Simsim

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = Path(__file__).parents[2] / "docs/security/personal-data.md"
ALICE, BOB = "alice@acme.example", "bob@acme.example"
OTHER = "malice@acme.example"  # contains Alice's address, and is somebody else's


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, settings: Any) -> Path:
    settings.JOURNAL = tmp_path / "revocations.jsonl"
    return Path(settings.JOURNAL)


@pytest.fixture
def things(cast: Cast, now: datetime, settings: Any) -> Things:
    """Everything that can name Alice, who is not the only administrator."""
    settings.PORTAL = settings.PORTAL.__class__(**vars(settings.PORTAL) | {"return_origins": ("https://p.example",)})
    begin_chains([], actor=OPERATOR, now=now)
    things = Things(cast.acme, cast.alice, cast.bob, now)
    things.new_token("ended")
    add_user(actor=OPERATOR, account=cast.acme, email=OTHER, role="administrator", now=now)
    kinds = ("management token", "token request", "link", "offer", "session", "passkey", "delivery")
    for kind in kinds:
        things.id_of(kind)
    Token.objects.filter(pk=things.token.pk).update(description=f"Ask <{ALICE.upper()}>, not {OTHER}.")
    TokenRequest.objects.update(purpose=f"{ALICE} knows", answered_by_label=ALICE)
    SocialAccount.objects.create(user=cast.alice, provider="https://idp.example", uid="subject", extra_data={})
    ProvisionedPerson.objects.create(
        account=cast.acme, user=cast.alice, display_name="Alice", created_at=now, changed_at=now
    )
    LeakReport.objects.create(
        digest=b"x" * 32, subject_id=things.token.pk, source="person", place=f"mailto:{ALICE}", reported_at=now
    )
    create_portal_link(
        actor=OPERATOR, account=cast.acme, email=ALICE, role="reader", return_url="https://p.example/", now=now
    )
    add_operator(actor=OPERATOR, email=ALICE, now=now)
    invite(actor=things.actor, account=cast.acme, email="new@acme.example", role="member", now=now)
    signed = start_review(actor=things.actor, account=cast.acme, now=now)
    keep_rows(actor=things.actor, review=signed, chosen=RowFilter.ALL, now=now)
    sign_off(actor=things.actor, review=signed, name="Alice", now=now)
    start_review(actor=things.actor, account=cast.acme, now=now)
    freeze_creation(actor=things.actor, account=cast.acme, reason="a theft", now=now)
    return things


def kept_by_the_page() -> set[str]:
    """Return the models that the page names under the heading about what an erasure keeps."""
    section = PAGE.read_text(encoding="utf-8").split("## What an erasure keeps")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))


def table_dump() -> Iterator[tuple[str, str]]:
    """Yield each value of each table of both databases, with the table's name."""
    for alias in {"default", settings.REQUEST_LOG_ALIAS}:
        connection = connections[alias]
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                for row in cursor.fetchall():
                    yield from ((table, spelled(value)) for value in row)


def spelled(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)


def tables_that_name(address: str) -> set[str]:
    return {table for table, text in table_dump() if Mentions(address).are_in(text)}


def plant(address: str) -> int:
    """Write the address into every column with room for it, whatever the column is for; return the number of rows."""
    planted = 0
    whole = {each.model for each in KEPT}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label == LOG or model in whole:
            continue
        names = text_columns(model)
        for column in (each for each in model._meta.concrete_fields if each.attname in names):
            is_free = not (isinstance(column, models.JSONField) or column.unique)
            if is_free and (column.max_length is None or column.max_length >= 100):
                for pk in model._default_manager.values_list("pk", flat=True):
                    planted += model._default_manager.filter(pk=pk).update(**{column.attname: f"{pk}: see {address}"})
    return planted


@pytest.mark.covers("B6")
def test_show_counts_the_rows_of_each_kind_and_says_what_an_erasure_does(things: Things, simsim: Simsim) -> None:
    found = {
        (each["kind"], each["erasure"].partition(":")[0]): each for each in simsim("person", "show", ALICE)["items"]
    }
    for kind in ("Membership", "ConsoleSession", "Authenticator", "SocialAccount", "PortalLink", "ProvisionedPerson",
                 "EmailAddress"):  # fmt: skip
        assert found[kind, "deleted"]["rows"] == 1, kind
    assert found["Token", "replaced"]["where"] == ["created_by_id", "created_by_label", "description", "search_key"]
    assert found["Token", "replaced"]["rows"] == Token.objects.count()
    for kind in ("User", "TokenRequest", "HandOver", "CreationFreeze", "ManagementToken", "WebhookEndpoint", "OwedMail",
                 "AccessReview", "ReviewRow", "LeakReport"):  # fmt: skip
        assert found[kind, "replaced"]["rows"] >= 1, kind
    assert found["AuditEvent", "kept"]["where"] == ["actor_id", "actor_label", "details"]
    assert found["AccessReview", "kept"]["rows"] == 1
    text = PAGE.read_text(encoding="utf-8")
    assert [kind for kind, _ in found if kind != "revocation journal" and f"`{kind}`" not in text] == []


@pytest.mark.covers("B6")
def test_export_has_everything_and_no_secret(things: Things, simsim: Simsim, tmp_path: Path) -> None:
    path = tmp_path / "alice.json"
    said = simsim("person", "export", ALICE, str(path))
    text = path.read_text(encoding="utf-8")
    rows = json.loads(text)["rows"]
    shown = {each["kind"] for each in simsim("person", "show", ALICE)["items"]}
    assert rows.keys() == shown - {"revocation journal"}
    assert said["rows"] == sum(map(len, rows.values()))
    assert path.stat().st_mode & 0o777 == 0o600
    assert "exists" not in simsim("person", "export", ALICE, str(path), fails=4)
    alice = User.objects.get(email=ALICE)
    session = things.id_of("session")
    (key,) = rows["Authenticator"]
    assert key["name"] == "Acme key"
    secrets = [alice.password, session, *things.secrets, *(mail.facts.get("link") for mail in OwedMail.objects.filter(
        kind="invited"))]  # fmt: skip
    assert [secret for secret in secrets if secret in text] == []
    event = AuditEvent.objects.get(event=Event.PERSON_EXPORTED)
    assert (event.subject_id, event.details) == (str(alice.pk), {"rows": said["rows"]})


@pytest.mark.covers("B6")
def test_erased_address_is_nowhere_but_where_the_page_says(
    things: Things, cast: Cast, simsim: Simsim, journal: Path
) -> None:
    assert plant(ALICE) > 40
    assert len(tables_that_name(ALICE)) > 15
    done = simsim("person", "erase", ALICE, "--yes")
    kept = {model._meta.db_table for model in apps.get_models() if model.__name__ in kept_by_the_page()}
    assert kept_by_the_page() == {each.model.__name__ for each in KEPT}
    assert tables_that_name(ALICE) <= kept
    assert {each["kind"] for each in done["kept"]} >= {"AuditEvent", "AccessReview", "ReviewRow", "revocation journal"}
    assert re.fullmatch(r"erased person [0-9a-f]{12}", done["pseudonym"])
    event = AuditEvent.objects.get(event=Event.PERSON_ERASED)
    assert (event.actor_label, event.details) == ("operator", {"pseudonym": done["pseudonym"]})
    assert ALICE not in next(line for line in journal.read_text().splitlines() if '"person.erased"' in line)


@pytest.mark.covers("B6")
def test_erasure_keeps_the_proofs_and_other_people(things: Things, cast: Cast, simsim: Simsim) -> None:
    reviewed = AccessReview.objects.get(signed_off_at__isnull=False)
    before = (list(reviewed.rows.order_by("pk").values()), reviewed.fingerprint)
    pseudonym = simsim("person", "erase", ALICE, "--yes")["pseudonym"]
    reviewed.refresh_from_db()
    assert (list(reviewed.rows.order_by("pk").values()), reviewed.fingerprint) == before
    report = verification.verify({str(pk) for pk in Account.objects.values_list("pk", flat=True)} & chains())
    assert (report.findings, report.events > 20) == ([], True)
    token = Token.objects.get(pk=things.token.pk)
    assert token.created_by_label == token.created_by.email == pseudonym  # type: ignore[union-attr]
    assert token.description == f"Ask <{pseudonym}>, not {OTHER}."
    assert pseudonym in token.search_key
    assert OTHER in token.search_key
    assert User.objects.filter(email=OTHER, memberships__account=cast.acme).exists()
    (invited,) = OwedMail.objects.filter(kind="invited")
    assert (invited.facts["inviter"], invited.recipient) == (pseudonym, "new@acme.example")
    assert invited.facts["link"].startswith("http")


def chains() -> set[str]:
    return set(Chain.objects.values_list("pk", flat=True))


@pytest.mark.covers("B6")
def test_erased_person_is_out_at_once_and_gets_no_mail(things: Things, cast: Cast, simsim: Simsim) -> None:
    Authenticator.objects.all().delete()
    browser = sign_in(cast.alice)
    assert browser.get("/security/").status_code == 200
    OwedMail.objects.filter(recipient=ALICE).update(given_up_at=None, delivered_at=None)
    simsim("person", "erase", ALICE, "--yes")
    assert browser.get("/security/").status_code == 302
    user = User.objects.get(pk=cast.alice.pk)
    assert (user.is_active, user.has_usable_password(), user.operator_since) == (False, False, None)
    assert not Membership.objects.filter(user=user).exists()
    removed = AuditEvent.objects.get(event=Event.USER_REMOVED)
    assert (removed.account_id, removed.details["email"]) == (cast.acme.pk, ALICE)
    assert {mail.last_error for mail in OwedMail.objects.filter(recipient=user.email)} == {
        "withdrawn: the person was erased"
    }
    assert authenticate(None, email=ALICE, password=PASSWORD) is None


@pytest.mark.covers("B6")
@pytest.mark.django_db(databases="__all__", transaction=True)
def test_person_who_signs_in_at_that_moment_is_out_too(cast: Cast, now: datetime) -> None:
    for turn in range(4):
        user = add_user(
            actor=OPERATOR, account=cast.acme, email=f"person{turn}@acme.example", role="member", password=PASSWORD,
            now=now,
        ).user  # fmt: skip
        browser = Client()
        race(
            lambda: browser.post("/sign-in/login/", {"login": user.email, "password": PASSWORD}),  # noqa: B023
            lambda: erasure.erase_person(actor=OPERATOR, email=user.email, now=now),  # noqa: B023
        )
        assert browser.get("/security/").status_code == 302
        # Of a sign-in that ended last, an email may wait for the address: the second time finds it.
        erasure.erase_person(actor=OPERATOR, email=user.email, now=now)
        assert tables_that_name(user.email) == {AuditEvent._meta.db_table}
        assert not User.objects.get(pk=user.pk).is_active


@pytest.mark.covers("B6")
def test_last_administrator_is_not_erased_and_nothing_has_changed(cast: Cast, now: datetime, simsim: Simsim) -> None:
    add_user(actor=OPERATOR, account=cast.globex, email=ALICE, role="member", now=now)
    said = simsim("person", "erase", ALICE, "--yes", fails=4)
    assert f"last administrator of “Acme” ({cast.acme.pk})" in said
    assert Membership.objects.filter(user=cast.alice).count() == 2
    assert not AuditEvent.objects.filter(event__in=[Event.PERSON_ERASED, Event.USER_REMOVED]).exists()
    closed = create_account(actor=OPERATOR, name="Closed", now=now)
    add_user(actor=OPERATOR, account=closed, email=ALICE, role="administrator", now=now)
    close_account(actor=OPERATOR, account=closed, now=now)
    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role="administrator", now=now)
    assert simsim("person", "erase", ALICE, "--yes")["erased_rows"]["Membership"] == 3


@pytest.mark.covers("B6")
def test_erasing_twice_changes_nothing_more_and_a_stranger_is_unknown(things: Things, simsim: Simsim) -> None:
    first = simsim("person", "erase", ALICE.upper(), "--yes")
    again = simsim("person", "erase", ALICE, "--yes")
    assert (again["erased_rows"], again["pseudonym"], again["kept"]) == ({}, first["pseudonym"], first["kept"])
    assert AuditEvent.objects.filter(event=Event.PERSON_ERASED).count() == 1
    for verb in (["show"], ["erase", "--yes"], ["export", "unwritten.json"]):
        assert "Nothing is stored" in simsim("person", verb[0], "nobody@x.example", *verb[1:], fails=3)
    assert not Path("unwritten.json").exists()
    assert "--yes" in simsim("person", "erase", BOB, fails=2)
    for text in ("", "example", "@acme.example", "erased person 0a1b2c3d4e5f"):
        assert "not an email address" in simsim("person", "erase", text, "--yes", fails=2)


@pytest.mark.covers("B6")
def test_interrupted_erasure_is_continued_under_the_same_name(
    things: Things, simsim: Simsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(erasure, "replace_some", killed)
        with pytest.raises(KeyboardInterrupt):
            erasure.erase_person(actor=OPERATOR, email=ALICE, now=things.now)
    assert Token.objects.filter(created_by_label=ALICE).exists()
    done = simsim("person", "erase", ALICE, "--yes")
    assert User.objects.filter(email=done["pseudonym"]).exists()
    assert set(Token.objects.values_list("created_by_label", flat=True)) == {done["pseudonym"]}


@pytest.mark.covers("B6")
def test_whoever_comes_back_is_somebody_new(things: Things, cast: Cast, now: datetime, simsim: Simsim) -> None:
    first = simsim("person", "erase", ALICE, "--yes")["pseudonym"]
    back = add_user(actor=OPERATOR, account=cast.acme, email=ALICE, role="member", now=now + timedelta(days=1)).user
    assert back.pk != cast.alice.pk
    assert simsim("person", "erase", ALICE, "--yes")["pseudonym"] != first
    assert actor_of(User.objects.get(pk=back.pk)).label != ALICE
