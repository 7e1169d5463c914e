"""Owing and delivering mails, with a real SMTP server."""

import email
import email.policy
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core.mail import send_mail
from django.db import transaction

from cast import Cast
from postgresql_server import free_port
from simsim.accounts.actions import add_user, change_role, create_account
from simsim.accounts.invitations import invite
from simsim.accounts.models import Account
from simsim.accounts.permissions import OPERATOR, actor_of
from simsim.mail import message, outbox
from simsim.mail.models import OwedMail
from simsim.tokens.actions import create_token

pytestmark = pytest.mark.django_db(databases="__all__")


class Mailbox:
    """Accepts every mail except those to refused addresses."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: set[str] = set()
        self.answer = "550 no such mailbox"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.refused:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 taken"


@pytest.fixture
def port(settings: Any) -> int:
    settings.EMAIL_BACKEND = "simsim.mail.django_backend.OwedBackend"  # pytest-django puts its own in its place
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", free_port(), 2
    return int(settings.EMAIL_PORT)


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box
    server.stop()


@pytest.mark.covers("R8", "R19")
def test_three_administrators_get_one_mail_each_and_members_none(cast: Cast, now: datetime, mailbox: Mailbox) -> None:
    add_user(actor=cast.olga, account=cast.acme, email="ann@acme.example", role="administrator", now=now)
    change_role(actor=cast.olga, account=cast.acme, user=cast.bob, role="administrator", now=now)
    add_user(actor=cast.olga, account=cast.acme, email="mem@acme.example", role="member", now=now)
    token, credentials = create_token(
        actor=cast.as_alice, account=cast.acme, name="Zoë’s <b>report</b>", expires="2027-01-31", software="excel",
        allowed_networks=["192.0.2.0/24"], now=now,
    )  # fmt: skip
    assert outbox.deliver_due(now=now) == 3
    assert outbox.deliver_due(now=now + timedelta(hours=1)) == 0
    assert sorted(mail["To"] for mail in mailbox.mails) == [
        "alice@acme.example", "ann@acme.example", "bob@acme.example",
    ]  # fmt: skip
    for mail in mailbox.mails:
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert text is not None
        assert html is not None
        assert not mail.defects
        assert mail["Auto-Submitted"] == "auto-generated"
        for fact in ("alice@acme.example", "2027-02-01 00:00 UTC", "Microsoft Excel", "192.0.2.0/24", str(token.pk)):
            assert fact in text.get_content()
            assert fact in html.get_content()
        assert "Zoë’s <b>report</b>" in text.get_content()
        assert "Zoë’s &lt;b&gt;report&lt;/b&gt;" in html.get_content()
        assert credentials.password not in mail.as_string()
        assert "revoke it" in text.get_content()


@pytest.mark.covers("R8")
def test_outage_of_the_mail_server_loses_nothing_and_a_repeated_mail_keeps_its_id(
    cast: Cast, now: datetime, port: int
) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="1d", now=now)
    assert outbox.deliver_due(now=now) == 0
    (waiting,) = OwedMail.objects.all()
    assert waiting.last_error
    assert waiting.due_at == now + timedelta(seconds=15)
    assert outbox.deliver_due(now=now + timedelta(seconds=1)) == 0
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        assert outbox.deliver_due(now=now + timedelta(seconds=20)) == 1
    finally:
        server.stop()
    assert box.mails[0]["Message-ID"] == message.message_id(waiting)


@pytest.mark.covers("R8")
def test_temporarily_refused_recipient_delays_nobody_else_and_is_given_up_after_three_days(
    cast: Cast, now: datetime, mailbox: Mailbox
) -> None:
    change_role(actor=cast.olga, account=cast.acme, user=cast.bob, role="administrator", now=now)
    mailbox.refused.add("alice@acme.example")
    mailbox.answer = "450 mailbox is full"
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="1d", now=now)
    assert outbox.deliver_due(now=now) == 1
    moment = now
    for _ in range(100):
        moment += timedelta(hours=1)
        outbox.deliver_due(now=moment)
    refused = OwedMail.objects.get(recipient="alice@acme.example")
    assert refused.given_up_at is not None
    assert refused.last_error == "450 mailbox is full"
    assert timedelta(days=2) < refused.given_up_at - now <= timedelta(days=3)
    assert len(mailbox.mails) == 1


@pytest.mark.covers("R8")
def test_mail_is_owed_once_and_rolled_back_with_its_cause(cast: Cast, now: datetime) -> None:
    for _ in range(2):
        outbox.owe(kind="ready_made", recipient="a@b.example", dedupe="same", facts={}, now=now)
    assert OwedMail.objects.filter(dedupe="same").count() == 1
    with transaction.atomic():
        create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="1d", now=now)
        transaction.set_rollback(True)
    assert not OwedMail.objects.filter(kind="token_created").exists()


def test_claimed_mail_belongs_to_one_worker_until_its_lease_ends(cast: Cast, now: datetime) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="1d", now=now)
    assert len(outbox.claim(now)) == 1
    assert outbox.claim(now) == []
    assert len(outbox.claim(now + outbox.LEASE)) == 1


def test_mails_from_djangos_backend_are_owed_and_a_hostile_subject_blocks_nobody(
    now: datetime, mailbox: Mailbox
) -> None:
    send_mail("Reset", "text", None, ["a@b.example"], html_message="<p>text</p>")
    send_mail("Evil\r\nBcc: victim@b.example", "text", None, ["c@b.example"])
    send_mail("Later", "text", None, ["d@b.example"])
    assert outbox.deliver_due(now=now + timedelta(days=1)) == 2
    assert [mail["To"] for mail in mailbox.mails] == ["a@b.example", "d@b.example"]
    assert "line" in OwedMail.objects.get(recipient="c@b.example").last_error.lower()


@pytest.mark.covers("R1")
@pytest.mark.parametrize("ending", ["taken", "given up"])
def test_secret_link_is_stored_only_until_its_mail_is_sent(
    cast: Cast, now: datetime, mailbox: Mailbox, ending: str
) -> None:
    invite(actor=cast.as_alice, account=cast.acme, email="dora@acme.example", role="member", now=now)
    send_mail("Choose a new password", "text with a link", None, ["a@b.example"], html_message="<p>a link</p>")
    secrets = [OwedMail.objects.get(kind="invited").facts["link"], "text with a link", "<p>a link</p>"]
    if ending == "given up":
        mailbox.refused, mailbox.answer = {"dora@acme.example", "a@b.example"}, "450 later"
        assert outbox.deliver_due(now=now + timedelta(minutes=1)) == 0
        waiting = str([mail.facts for mail in OwedMail.objects.all()])
        assert all(secret in waiting for secret in secrets), "a mail that waits still needs them"
        outbox.deliver_due(now=now + outbox.PATIENCE)
    else:
        assert outbox.deliver_due(now=now + timedelta(minutes=1)) == 2
        assert secrets[0] in mailbox.mails[0].as_string().replace("=\n", "").replace("=3D", "=")
    rows = list(OwedMail.objects.all())
    assert all(mail.delivered_at or mail.given_up_at for mail in rows)
    assert not [secret for secret in secrets if secret in str([vars(mail) for mail in rows])]
    assert {mail.facts.get("account") or mail.facts.get("subject") for mail in rows} == {
        "Acme", "Choose a new password",
    }  # fmt: skip


@pytest.mark.covers("R3")
@pytest.mark.parametrize("address", ["bob@acme.example", "bob@acme.example\r\nBcc: victim@b.example", "Bob", "", None])
def test_reply_address_must_be_valid_and_injects_nothing(now: datetime, mailbox: Mailbox, address: str | None) -> None:
    facts = {"subject": "S", "text": "T", "html": "", "reply_to": address}
    outbox.owe(kind="ready_made", recipient="a@b.example", dedupe="same", facts=facts, now=now)
    assert outbox.deliver_due(now=now) == 1
    assert mailbox.mails[0]["Reply-To"] == ("bob@acme.example" if address == "bob@acme.example" else None)
    assert mailbox.mails[0]["Bcc"] is None


@pytest.mark.covers("R8")
def test_subject_names_the_account_as_it_is_written_and_stays_one_line(now: datetime, mailbox: Mailbox) -> None:
    name = "Müller & Söhne <b>“O’Neil”</b>"
    account = create_account(actor=OPERATOR, name=name, now=now)
    alice = add_user(actor=OPERATOR, account=account, email="a@mueller.example", role="administrator", now=now).user
    create_token(actor=actor_of(alice), account=account, name="T", expires="1d", now=now)
    # A name that today's rules would refuse, as an older row may contain.
    Account.objects.filter(pk=account.pk).update(name=f"{name}\r\nBcc: victim@b.example")
    account.refresh_from_db()
    invite(actor=actor_of(alice), account=account, email="b@mueller.example", role="member", now=now)
    assert outbox.deliver_due(now=now) == 2
    created, invited = (str(mail["Subject"]).strip() for mail in mailbox.mails)
    assert created == f"New API token “T” in {name}"
    assert invited == f"You have been added to {name} Bcc: victim@b.example on Simsim"
    assert [mail["Bcc"] for mail in mailbox.mails] == [None, None]
