"""The operator's view of the outbox, retries, and the migration of older rows."""

import importlib
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from cast import Cast
from postgresql_server import free_port
from simsim.accounts.invitations import invite
from simsim.health.doctor import checks
from simsim.mail import delivery_status, message, outbox
from simsim.mail.models import OwedMail
from simsim.operations.verbs import mail as verbs
from simsim.problem import Conflict, Invalid, NotFound
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.expiry_notices import owe_due
from simsim.tokens.models import Token
from smtp_server import serving

pytestmark = pytest.mark.django_db(databases="__all__")
REFUSED = "550 no such mailbox"


@pytest.fixture
def port(settings: Any) -> int:
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", free_port(), 2
    return int(settings.EMAIL_PORT)


def given_up(cast: Cast, now: datetime, port: int) -> OwedMail:
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="2d", now=now)
    with serving(port) as box:
        box.at_recipient = {"alice@acme.example": REFUSED}
        outbox.deliver_due(now=now)
    return OwedMail.objects.get(kind="token_created")


@pytest.mark.covers("R8")
def test_given_up_mail_is_listed_with_its_reason_and_sent_when_the_operator_retries_it(
    cast: Cast, now: datetime, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = given_up(cast, now, port)
    verbs.list_mails.__wrapped__(state=verbs.StateName.GIVEN_UP, as_json=True)  # type: ignore[attr-defined]
    (row,) = json.loads(capsys.readouterr().out)["items"]
    assert (row["id"], row["state"], row["last_error"]) == (mail.pk, "given_up", REFUSED)
    assert row["message_id"] == message.message_id(mail)
    later = now + timedelta(days=30)
    outbox.retry(mail.pk, now=later)
    with serving(port) as box:
        box.at_data = {"alice@acme.example": "451 not now"}
        outbox.deliver_due(now=later)
        assert delivery_status.state_of(OwedMail.objects.get(pk=mail.pk)) == delivery_status.DeliveryState.WAITING, (
            "three more days"
        )
        box.at_data = {}
        assert outbox.deliver_due(now=later + timedelta(days=1)) == 1
        assert box.mails[0]["Message-ID"] == message.message_id(mail)
    for wrong, refusal in ((mail.pk, Conflict), (mail.pk + 99, NotFound)):
        with pytest.raises(refusal):
            outbox.retry(wrong, now=later)


@pytest.mark.covers("R1", "R9")
def test_mail_that_lost_its_link_or_its_truth_is_not_sent_again(cast: Cast, now: datetime, port: int) -> None:
    invite(actor=cast.as_alice, account=cast.acme, email="dora@acme.example", role="member", now=now)
    link = OwedMail.objects.get(kind="invited").facts["link"]
    with serving(port) as box:
        box.at_recipient = {"dora@acme.example": REFUSED}
        outbox.deliver_due(now=now)
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="2d", now=now)
    owe_due(now=now)
    revoke_token(actor=cast.as_alice, token=token, now=now)
    for kind in ("invited", "token_expiring"):
        with pytest.raises(Conflict):
            outbox.retry(OwedMail.objects.get(kind=kind).pk, now=now)
    listed, _ = delivery_status.list_mails(state=None, limit=100)
    assert link not in json.dumps([delivery_status.document(mail) for mail in listed])


def test_list_of_mails_continues_on_the_next_page(cast: Cast, now: datetime) -> None:
    for nth in range(5):
        create_token(actor=cast.as_alice, account=cast.acme, name=f"T{nth}", expires="2d", now=now)
    first, cursor = delivery_status.list_mails(state=delivery_status.DeliveryState.WAITING, limit=3)
    rest, end = delivery_status.list_mails(state=delivery_status.DeliveryState.WAITING, limit=3, cursor=cursor)
    ids = [mail.pk for mail in (*first, *rest)]
    assert (len(ids), end) == (5, None)
    assert ids == sorted(ids, reverse=True)
    assert delivery_status.list_mails(state=delivery_status.DeliveryState.DELIVERED, limit=3) == ([], None)
    with pytest.raises(Invalid):
        delivery_status.list_mails(state=None, limit=3, cursor="x")


@pytest.mark.covers("R8")
def test_doctor_says_when_mails_wait_for_long_or_were_given_up(cast: Cast, now: datetime, port: int) -> None:
    (good,) = checks.mails()
    assert good.is_good
    given_up(cast, now, port)
    waits = now - timedelta(hours=2)
    create_token(actor=cast.as_alice, account=cast.acme, name="Waits", expires="90d", now=waits)
    (found,) = checks.mails()
    assert not found.is_good
    assert f"1 waiting, the oldest since {waits:%Y-%m-%d %H:%M} UTC: is simsim worker running?" in found.detail
    assert "1 given up in 3 days: simsim mail list --state given_up" in found.detail
    outbox.deliver_due(now=now)
    assert "ConnectionRefusedError" in next(checks.mails()).detail


@pytest.mark.covers("B11")
def test_doctor_tells_for_how_long_the_oldest_mail_waits(cast: Cast, now: datetime) -> None:
    (found,) = checks.mails()
    assert found.detail.startswith("no email is waiting")
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now - timedelta(minutes=5))
    (found,) = checks.mails()
    assert found.is_good
    assert found.detail.startswith("the oldest has waited for 5 min")


@pytest.mark.covers("R8")
def test_migration_sets_the_subjects_of_older_mails_and_leaves_ended_tokens_alone(cast: Cast, now: datetime) -> None:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Lives", expires="90d", now=now)
    ended, _ = create_token(
        actor=cast.as_alice, account=cast.acme, name="E", expires="30d", now=now - timedelta(days=31)
    )
    outbox.owe(kind="ready_made", recipient="a@b.example", dedupe=f"ready_made:{uuid.uuid4()}", facts={}, now=now)
    OwedMail.objects.update(account_id=None, token_id=None)
    editor = connection.schema_editor()
    importlib.import_module("simsim.mail.migrations.0002_what_it_is_about").tell_what_it_is_about(apps, editor)
    importlib.import_module("simsim.tokens.migrations.0006_notices").leave_the_ended_alone(apps, editor)
    about = set(OwedMail.objects.values_list("kind", "account_id", "token_id"))
    created = {("token_created", cast.acme.pk, each.pk) for each in (token, ended)}
    assert about == {*created, ("ready_made", None, None)}
    assert Token.objects.filter(next_notice_at__isnull=False).get() == token
