"""Who gets which notice about a token, when, and only once: with a real SMTP server and a simulated clock."""

import re
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from cast import PASSWORD, Cast
from postgresql_server import free_port
from simsim.accounts.actions import add_user, change_role, remove_user
from simsim.accounts.models import User
from simsim.accounts.permissions import actor_of
from simsim.audit.models import AuditEvent
from simsim.mail import outbox
from simsim.mail.models import OwedMail
from simsim.tokens import expiry_notices
from simsim.tokens.actions import Way, create_token, edit_token, revoke_token, rotate_token, show_credentials
from simsim.tokens.models import Token
from simsim.tokens.pause import pause_token, resume_token
from smtp_server import Mailbox, serving

pytestmark = pytest.mark.django_db(databases="__all__")
INLINE = {"a", "b", "bdi", "span", "strong", "wbr"}
TWO_DAYS = timedelta(hours=48)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", free_port(), 2
    with serving(settings.EMAIL_PORT) as box:
        yield box


class Seen(HTMLParser):
    """The text and the links of the HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: set[str] = set()
        self.hidden = 0
        self.feed(html)
        self.words = set(re.findall(r"[^\s:]+", self.text))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.hidden += tag in {"head", "style"}
        self.text += "" if tag in INLINE else " "
        self.links |= {value for name, value in attrs if name == "href"}

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in {"head", "style"}
        self.text += "" if tag in INLINE else " "

    def handle_data(self, data: str) -> None:
        self.text += "" if self.hidden else data


def bodies(mail: EmailMessage) -> tuple[str, str]:
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def kinds(**where: Any) -> Counter[str]:
    return Counter(OwedMail.objects.filter(**where).values_list("kind", flat=True))


def token_of(cast: Cast, now: datetime, *, expires: str = "90d", name: str = "Power BI", **more: Any) -> Token:
    return create_token(actor=cast.as_alice, account=cast.acme, name=name, expires=expires, now=now, **more)[0]


def administrator(cast: Cast, email: str, now: datetime) -> User:
    return add_user(actor=cast.olga, account=cast.acme, email=email, role="administrator", now=now).user


def run_worker(first: datetime, last: datetime, *, step: timedelta = MINUTE) -> None:
    """Run the scheduler through simulated time, at least as often as the worker does."""
    moment = first
    while moment <= last:
        while expiry_notices.owe_due(now=moment):
            pass
        moment += step


@pytest.mark.covers("R8", "R9", "R13")
def test_every_notice_says_the_same_in_text_and_html_and_holds_no_password(
    cast: Cast, now: datetime, mailbox: Mailbox
) -> None:
    administrator(cast, "ann@acme.example", now)
    change_role(actor=cast.olga, account=cast.acme, user=cast.bob, role="administrator", now=now)
    for member in ("mem@acme.example", "mo@acme.example"):
        add_user(actor=cast.olga, account=cast.acme, email=member, role="member", now=now)
    token = token_of(cast, now, name="Zoë’s <b>report</b>", allowed_networks=["192.0.2.0/24"])
    assert outbox.deliver_due(now=now) == 3
    assert mailbox.recipients() == ["alice@acme.example", "ann@acme.example", "bob@acme.example"]
    bob = actor_of(cast.bob)
    passwords = [show_credentials(actor=bob, token=token, now=now, way=way).password for way in Way]
    edit_token(actor=bob, token=token, allowed_networks=["198.51.100.0/24"], report_only=True, now=now)
    token, rotated = rotate_token(actor=bob, token=token, overlap=timedelta(days=1), now=now)
    token = pause_token(actor=bob, token=token, until="7d", reason="<b>why</b>", now=now)
    resume_token(actor=bob, token=token, now=now)
    expiry_notices.owe_due(now=now)
    expiry_notices.owe_due(now=token.expires_at - TWO_DAYS)
    assert outbox.deliver_due(now=token.expires_at - TWO_DAYS) == 13
    expiry_notices.owe_due(now=token.expires_at)
    revoke_token(actor=bob, token=token, reason="leaked", now=token.expires_at)
    assert outbox.deliver_due(now=token.expires_at) == 4
    assert {kind: kinds()[kind] for kind in kinds()} == {
        "token_created": 3, "token_credentials_retrieved": 4, "token_allowlist_changed": 2, "token_rotated": 2,
        "token_paused": 2, "token_resumed": 2,
        "token_expiring": 1, "token_expired": 1, "token_revoked": 3,
    }  # fmt: skip
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == len(mailbox.mails) == 20
    for mail in mailbox.mails:
        text, html = bodies(mail)
        assert not mail.defects
        assert not [part.defects for part in mail.walk() if part.defects]
        assert mail["Auto-Submitted"] == "auto-generated"
        seen = Seen(html)
        assert [word for word in re.findall(r"[^\s:]+", text) if word not in seen.words] == []
        assert set(re.findall(r"http\S+", text)) >= {link for link in seen.links if link}
        assert "Zoë’s <b>report</b>" in text
        assert "<b>report</b>" not in html
        assert not [secret for secret in (*passwords, rotated.password) if secret in text + html]
        assert "“Zoë’s <b>report</b>”" in str(mail["Subject"]), "a subject is no HTML"


@pytest.mark.covers("R9")
@pytest.mark.parametrize(
    ("around", "zone", "number"),
    [
        pytest.param(datetime(2028, 2, 29, 12, tzinfo=UTC), "Pacific/Apia", 1000, id="a thousand on a leap day"),
        pytest.param(datetime(2027, 3, 28, 1, tzinfo=UTC), "Europe/Berlin", 100, id="a night of 23 hours"),
        pytest.param(datetime(2027, 10, 31, 1, tzinfo=UTC), "Europe/Berlin", 100, id="a night of 25 hours"),
    ],
)
def test_expiry_notices_are_sent_once_each_never_early_and_within_two_minutes(
    cast: Cast, around: datetime, zone: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        created = around - timedelta(days=80)
        # Their 48 hours begin at any microsecond of the four hours around `now`.
        first = around + TWO_DAYS - timedelta(hours=2)
        tokens = [
            Token(
                id=uuid.uuid4(), account=cast.acme, name=f"T{nth}", digest=nth.to_bytes(32), sealed_password=b"",
                created_at=created, created_by=cast.alice, created_by_label="alice@acme.example",
                expires_at=first + nth * timedelta(seconds=14_400 / number, microseconds=7),
            )
            for nth in range(number)
        ]  # fmt: skip
        Token.objects.bulk_create(tokens)
        run_worker(around - timedelta(days=50), around - timedelta(days=5), step=timedelta(days=5))
        assert kinds() == {}, "none early, and none for the days that nobody chose"
        run_worker(around - timedelta(hours=2, minutes=3), around + timedelta(hours=2, minutes=3))
        owed = {mail.token_id: mail for mail in OwedMail.objects.filter(kind="token_expiring")}
        assert kinds() == {"token_expiring": number}
        assert OwedMail.objects.values("recipient").distinct().get() == {"recipient": "alice@acme.example"}
        for token in tokens:
            delay = owed[token.pk].owed_at - (token.expires_at - TWO_DAYS)
            assert timedelta(0) <= delay <= timedelta(minutes=2)
            assert owed[token.pk].facts["days_left"] == 2
        run_worker(around + timedelta(hours=3), around + TWO_DAYS + timedelta(hours=3), step=timedelta(hours=1))
        assert kinds() == {"token_expiring": number, "token_expired": number}
        assert not Token.objects.filter(next_notice_at__isnull=False).exists()
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.covers("R9")
def test_expiry_is_announced_at_48_hours_and_not_a_microsecond_before(cast: Cast, now: datetime) -> None:
    token = token_of(cast, now)
    due = token.expires_at - TWO_DAYS
    run_worker(now, now)
    expiry_notices.owe_due(now=due - timedelta(microseconds=1))
    assert kinds(kind="token_expiring") == {}
    expiry_notices.owe_due(now=due)
    assert kinds(kind="token_expiring") == {"token_expiring": 1}


@pytest.mark.covers("R9")
@pytest.mark.parametrize(
    ("life", "announced"), [(timedelta(hours=47, minutes=59), 0), (TWO_DAYS, 1), (TWO_DAYS + MINUTE, 1)]
)
def test_token_created_later_than_48_hours_before_its_end_is_not_announced(
    cast: Cast, now: datetime, life: timedelta, announced: int
) -> None:
    token = token_of(cast, now, expires=(now + life).isoformat())
    run_worker(now, now + timedelta(minutes=5))
    assert kinds(kind="token_expiring")["token_expiring"] == announced
    run_worker(token.expires_at, token.expires_at)
    assert kinds(kind="token_expired") == {"token_expired": 1}


@pytest.mark.covers("R9")
@pytest.mark.parametrize("gone", ["removed", "a member now", "switched off", "deleted"])
def test_administrators_get_the_expiry_notice_when_the_creator_has_left(cast: Cast, now: datetime, gone: str) -> None:
    token = token_of(cast, now)
    administrator(cast, "ann@acme.example", now)
    administrator(cast, "amy@acme.example", now)
    match gone:
        case "removed":
            remove_user(actor=cast.olga, account=cast.acme, user=cast.alice, now=now)
        case "a member now":
            change_role(actor=cast.olga, account=cast.acme, user=cast.alice, role="member", now=now)
        case "switched off":
            User.objects.filter(pk=cast.alice.pk).update(is_active=False)
        case "deleted":
            cast.alice.delete()
    for moment in (now, token.expires_at - TWO_DAYS, token.expires_at):
        expiry_notices.owe_due(now=moment)
    for kind in ("token_expiring", "token_expired"):
        told = OwedMail.objects.filter(kind=kind).values_list("recipient", flat=True)
        assert sorted(told) == ["amy@acme.example", "ann@acme.example"]


@pytest.mark.covers("R9")
def test_worker_sends_one_notice_with_the_time_left_after_a_week_of_outage(
    cast: Cast, now: datetime, mailbox: Mailbox
) -> None:
    lives, ended, revoked = (token_of(cast, now, name=name) for name in ("Lives", "Ended", "Revoked"))
    run_worker(now, now)
    Token.objects.filter(pk=ended.pk).update(expires_at=ended.expires_at - timedelta(days=1))
    revoke_token(actor=cast.as_alice, token=revoked, now=now + timedelta(days=80))
    back = lives.expires_at - timedelta(hours=20, minutes=10)
    OwedMail.objects.all().delete()
    run_worker(back, back + timedelta(minutes=5))
    assert {mail.token_id: mail.kind for mail in OwedMail.objects.all()} == {
        lives.pk: "token_expiring", ended.pk: "token_expired",
    }  # fmt: skip
    assert OwedMail.objects.count() == 2
    outbox.deliver_due(now=back)
    (mail,) = [mail for mail in mailbox.mails if "expires" in mail["Subject"]]
    assert mail["Subject"] == "API token “Lives” of Acme expires in 20 hours"
    assert "expires in 20 hours, on " in bodies(mail)[0]


@pytest.mark.covers("R9", "R13")
def test_waiting_expiry_notice_is_withdrawn_when_the_token_is_revoked_or_expires(
    cast: Cast, now: datetime, mailbox: Mailbox
) -> None:
    revoked, ended = token_of(cast, now, name="Revoked"), token_of(cast, now, name="Ended")
    due = ended.expires_at - TWO_DAYS
    outbox.deliver_due(now=now)
    run_worker(now, now)
    run_worker(due, due)
    revoke_token(actor=cast.as_alice, token=revoked, now=due + MINUTE)
    run_worker(ended.expires_at, ended.expires_at)
    outbox.deliver_due(now=ended.expires_at)
    subjects = sorted(str(mail["Subject"]) for mail in mailbox.mails)[:2]
    assert subjects == ["API token “Ended” of Acme has expired", "API token “Revoked” of Acme was revoked"]


@pytest.mark.covers("R13")
def test_each_administrator_gets_one_revocation_notice_with_who_when_and_why(
    cast: Cast, now: datetime, mailbox: Mailbox
) -> None:
    administrator(cast, "ann@acme.example", now)
    leaked, unneeded = token_of(cast, now, name="Leaked"), token_of(cast, now, name="Unneeded")
    outbox.deliver_due(now=now)
    mailbox.mails.clear()
    for _ in range(2):
        revoke_token(actor=cast.as_alice, token=leaked, reason="leaked", now=now)
    outbox.deliver_due(now=now)
    assert mailbox.recipients() == ["alice@acme.example", "ann@acme.example"]
    text, _ = bodies(mailbox.mails[0])
    assert "Revoked by: alice@acme.example" in text
    assert f"When: {now:%Y-%m-%d %H:%M} UTC" in text
    assert "Reason: Leaked, or may have leaked" in text
    assert f"/logs/?token={leaked.pk}" in text
    assert "others may know its password" in text
    mailbox.mails.clear()
    revoke_token(actor=cast.as_alice, token=unneeded, now=now)
    outbox.deliver_due(now=now)
    assert "others may know its password" not in bodies(mailbox.mails[0])[0]
    assert "Reason: Not specified" in bodies(mailbox.mails[0])[0]


@pytest.mark.covers("R11")
def test_others_are_notified_when_somebody_other_than_the_creator_retrieves_credentials(
    cast: Cast, now: datetime
) -> None:
    ann = administrator(cast, "ann@acme.example", now)
    administrator(cast, "amy@acme.example", now)
    token = token_of(cast, now)
    show_credentials(actor=cast.as_alice, token=token, now=now)
    assert kinds(kind="token_credentials_retrieved") == {}, "the creator is nobody else"
    for minute in range(3):
        show_credentials(actor=actor_of(ann), token=token, now=now.replace(minute=minute))
    show_credentials(actor=actor_of(ann), token=token, way=Way.DOWNLOADED, now=now)
    told = OwedMail.objects.filter(kind="token_credentials_retrieved")
    assert sorted((mail.facts["way"], mail.recipient) for mail in told) == [
        ("downloaded", "alice@acme.example"), ("downloaded", "amy@acme.example"),
        ("shown", "alice@acme.example"), ("shown", "amy@acme.example"),
    ]  # fmt: skip
    assert AuditEvent.objects.latest("pk").details == {"way": "downloaded"}
    show_credentials(actor=actor_of(ann), token=token, now=now + timedelta(hours=1))
    assert told.all().count() == 6


@pytest.mark.covers("R10", "R12")
def test_others_are_notified_of_allowlist_changes_and_of_no_other_edits(cast: Cast, now: datetime) -> None:
    ann = administrator(cast, "ann@acme.example", now)
    token = token_of(cast, now, allowed_networks=["192.0.2.0/24"])
    edit_token(actor=actor_of(ann), token=token, name="Renamed", description="Elsewhere", now=now)
    edit_token(actor=actor_of(ann), token=token, allowed_networks=["192.0.2.0/24"], now=now)
    assert kinds(kind="token_allowlist_changed") == {}
    edit_token(actor=actor_of(ann), token=token, report_only=True, now=now)
    (told,) = OwedMail.objects.filter(kind="token_allowlist_changed")
    assert told.recipient == "alice@acme.example"
    assert (told.facts["report_only_before"], told.facts["report_only"]) == (False, True)
    edit_token(actor=cast.as_alice, token=token, allowed_networks=[], now=now + MINUTE)
    told = OwedMail.objects.filter(kind="token_allowlist_changed").latest("pk")
    assert told.recipient == "ann@acme.example"
    assert (told.facts["networks_before"], told.facts["networks"]) == (["192.0.2.0/24"], [])


@pytest.mark.covers("B2")
def test_others_are_notified_of_a_rotation_and_how_long_the_previous_password_works(
    cast: Cast, now: datetime, mailbox: Mailbox
) -> None:
    administrator(cast, "ann@acme.example", now)
    token = token_of(cast, now)
    outbox.deliver_due(now=now)
    mailbox.mails.clear()
    rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(days=1), now=now)
    outbox.deliver_due(now=now)
    assert mailbox.recipients() == ["ann@acme.example"]
    assert f"keeps working until {now + timedelta(days=1):%Y-%m-%d %H:%M} UTC" in bodies(mailbox.mails[0])[0]


@pytest.mark.covers("R9")
def test_scheduler_makes_a_handful_of_queries_for_any_number_of_tokens(
    cast: Cast, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for nth in range(60):
        token_of(cast, now, name=f"T{nth}", expires="2d")
    with django_assert_max_num_queries(22):
        assert expiry_notices.owe_due(now=now) == 60
    assert kinds(kind="token_expiring") == {"token_expiring": 60}
    with django_assert_max_num_queries(2):
        assert expiry_notices.owe_due(now=now) == 0


@pytest.mark.covers("R9")
def test_notice_is_not_owed_again_when_a_token_is_checked_twice(cast: Cast, now: datetime) -> None:
    token = token_of(cast, now, expires="2d")
    for _ in range(3):
        expiry_notices.owe_due(now=now)
        Token.objects.filter(pk=token.pk).update(next_notice_at=now)
    assert kinds(kind="token_expiring") == {"token_expiring": 1}


@pytest.mark.covers("R8", "R9")
def test_tokens_page_shows_the_sent_notices_with_recipient_and_time(
    cast: Cast, now: datetime, mailbox: Mailbox
) -> None:
    administrator(cast, "ann@acme.example", now)
    change_role(actor=cast.olga, account=cast.acme, user=cast.bob, role="administrator", now=now)
    token, other = token_of(cast, now), token_of(cast, now, name="Other")
    mailbox.at_recipient = {"ann@acme.example": "550 no such mailbox", "bob@acme.example": "451 later"}
    outbox.deliver_due(now=now)
    client = Client()
    client.force_login(cast.alice)
    page = client.get(f"/accounts/{cast.acme.pk}/tokens/{token.pk}/").content.decode()
    section = " ".join(page[page.index('id="notices"') :].split("</section>")[0].split())
    rows = [re.sub(r"<[^>]+>|\s+", " ", row.replace("<wbr>", "")) for row in section.split("<tr>")[2:]]
    assert len(rows) == 3
    found = {next(email for email in ("alice", "ann", "bob") if f"{email}@" in row): row for row in rows}
    assert "Token created" in found["alice"]
    assert "Sent" in found["alice"]
    assert f"{now:%H:%M} UTC" in found["alice"]
    assert "Not sent" in found["ann"]
    assert "550 no such mailbox" in found["ann"]
    assert "Waiting" in found["bob"]
    assert other.name not in section
    client.force_login(cast.charlie)
    assert client.get(f"/accounts/{cast.globex.pk}/tokens/{token.pk}/").status_code == 404


@pytest.mark.covers("R9")
def test_links_of_a_notice_lead_to_pages_that_ask_and_change_nothing(
    cast: Cast, now: datetime, mailbox: Mailbox
) -> None:
    token = token_of(cast, now, expires="2d", software="excel", allowed_networks=["192.0.2.0/24"])
    old = token_of(cast, now - timedelta(days=100), expires="30d", name="Old")
    expiry_notices.owe_due(now=now)
    revoke_token(actor=cast.as_alice, token=old, reason="leaked", now=now)
    rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(0), now=now)
    outbox.deliver_due(now=now)
    before = list(Token.objects.order_by("pk").values()), AuditEvent.objects.count(), OwedMail.objects.count()
    links = {link for mail in mailbox.mails for link in Seen(bodies(mail)[1]).links}
    pages = {}
    client = Client()
    client.post("/sign-in/login/", {"login": "alice@acme.example", "password": PASSWORD})
    sign_in = AuditEvent.objects.count() - before[1]
    for link in links:
        path = "/" + link.split("/", 3)[3]
        assert client.head(path).status_code in {200, 302}
        answer = client.get(path, follow=True)
        assert answer.status_code == 200, path
        pages[path] = answer.content.decode()
    after = list(Token.objects.order_by("pk").values()), AuditEvent.objects.count() - sign_in, OwedMail.objects.count()
    assert after == before
    assert any("/rotate/" in path for path in pages)
    (again,) = [page for path, page in pages.items() if path.endswith(f"new/?like={token.pk}")]
    assert "192.0.2.0/24" in again
    assert f'value="{token.name}"' not in again, "the name is still in use"
    (again,) = [page for path, page in pages.items() if path.endswith(f"new/?like={old.pk}")]
    assert 'value="Old"' in again
