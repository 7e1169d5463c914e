"""Failures in each phase of SMTP: only the server's answer to the recipient or the mail is final."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cast import Cast
from postgresql_server import free_port
from simsim.mail import delivery_status, message, outbox
from simsim.mail.delivery_status import DeliveryState, state_of
from simsim.mail.models import OwedMail
from simsim.tokens import expiry_notices
from simsim.tokens.actions import create_token
from simsim.tokens.models import Token
from smtp_server import Mailbox, serving

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R8")]
USUAL = {
    "greeting": "220 mail.example", "EHLO": "250-mail.example\r\n250 AUTH PLAIN", "HELO": "250 mail.example",
    "AUTH": "235 welcome", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", ".": "250 taken",
    "RSET": "250 ok", "QUIT": "221 bye",
}  # fmt: skip


class Scripted(socketserver.ThreadingTCPServer):
    """A mail server with a scripted answer for each phase."""

    daemon_threads, allow_reuse_address = True, True
    answers: dict[str, str]


class Session(socketserver.StreamRequestHandler):
    server: Scripted

    def handle(self) -> None:
        self.say("greeting")
        is_mail = False
        for line in self.rfile:
            verb = line[:4].decode("ascii", "replace").strip().upper()
            if is_mail and line != b".\r\n":
                continue
            is_mail = verb == "DATA" and self.server.answers["DATA"].startswith("354")
            self.say("." if line == b".\r\n" else verb)

    def say(self, phase: str) -> None:
        self.wfile.write(f"{self.server.answers.get(phase, '500 what?')}\r\n".encode())


class OverTls(Controller):
    """Checks over TLS whether its own server runs."""

    def _trigger_server(self) -> None:
        anything = ssl._create_unverified_context()
        with socket.create_connection((self.hostname, self.port)) as plain, anything.wrap_socket(plain) as secure:
            secure.recv(1)


@contextmanager
def scripted(port: int, **answers: str) -> Iterator[None]:
    with Scripted(("127.0.0.1", port), Session) as server:
        server.answers = USUAL | answers
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.fixture
def port(settings: Any) -> int:
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", free_port(), 2
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "", ""
    return int(settings.EMAIL_PORT)


@pytest.fixture
def mail(cast: Cast, now: datetime) -> OwedMail:
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    return OwedMail.objects.get()


@pytest.mark.parametrize(
    ("phase", "answer", "state"),
    [
        ("greeting", "554 5.3.2 no service here", DeliveryState.WAITING),
        ("greeting", "521 takes no mail", DeliveryState.WAITING),
        ("EHLO", "550 who are you?", DeliveryState.WAITING),
        ("AUTH", "535 5.7.8 wrong password", DeliveryState.WAITING),
        ("AUTH", "504 no such mechanism", DeliveryState.WAITING),
        ("AUTH", "334 not-base-64!", DeliveryState.WAITING),
        ("MAIL", "550 5.7.1 not from here", DeliveryState.WAITING),
        ("MAIL", "553 5.1.8 no such sender", DeliveryState.WAITING),
        ("RCPT", "450 4.2.0 greylisted", DeliveryState.WAITING),
        ("RCPT", "554 5.7.1 relay access denied", DeliveryState.WAITING),
        ("RCPT", "550 5.1.8 sender address rejected: domain not found", DeliveryState.WAITING),
        ("RCPT", "504 5.5.2 helo command rejected", DeliveryState.WAITING),
        ("RCPT", "503 5.5.1 out of order", DeliveryState.WAITING),
        ("RCPT", "530 5.7.0 sign in first", DeliveryState.WAITING),
        ("RCPT", "550 no such mailbox", DeliveryState.GIVEN_UP),
        ("RCPT", "550 5.1.1 no such mailbox", DeliveryState.GIVEN_UP),
        ("RCPT", "552 5.2.2 mailbox is full for good", DeliveryState.GIVEN_UP),
        ("DATA", "503 5.5.1 out of order", DeliveryState.WAITING),
        (".", "451 4.3.0 later", DeliveryState.WAITING),
        (".", "550 5.7.26 the sender's domain has no DKIM", DeliveryState.WAITING),
        (".", "554 5.7.1 looks like spam", DeliveryState.GIVEN_UP),
        (".", "552 5.3.4 too large", DeliveryState.GIVEN_UP),
    ],
)
def test_only_the_receivers_answer_to_this_recipient_or_mail_is_final(
    mail: OwedMail, now: datetime, port: int, settings: Any, phase: str, answer: str, state: DeliveryState
) -> None:
    if phase == "AUTH":
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "bot", "secret"
    with scripted(port, **({"EHLO": answer, "HELO": answer} if phase == "EHLO" else {phase: answer})):
        assert outbox.deliver_due(now=now) == 0
    mail.refresh_from_db()
    assert state_of(mail) == state
    assert mail.last_error
    if state == DeliveryState.WAITING:
        assert mail.due_at == now + timedelta(seconds=15)
        with scripted(port):
            assert outbox.deliver_due(now=now + timedelta(seconds=20)) == 1


def test_invalid_certificate_loses_no_mail(
    mail: OwedMail, now: datetime, port: int, settings: Any, tmp_path: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(self_signed(tmp_path))
    settings.EMAIL_USE_SSL = True
    server = OverTls(Mailbox(), hostname="127.0.0.1", port=port, ssl_context=context)
    server.start()
    try:
        assert outbox.deliver_due(now=now) == 0
    finally:
        server.stop()
    mail.refresh_from_db()
    assert (state_of(mail), mail.attempts) == (DeliveryState.WAITING, 1)
    assert "certificate" in mail.last_error.lower()


@pytest.mark.parametrize("starttls", [True, False])
def test_missing_tls_or_sign_in_at_the_server_loses_no_mail(
    mail: OwedMail, now: datetime, port: int, settings: Any, starttls: bool
) -> None:
    settings.EMAIL_USE_TLS = starttls
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "bot", "secret"
    with scripted(port, EHLO="250 mail.example"):
        assert outbox.deliver_due(now=now) == 0
    mail.refresh_from_db()
    assert state_of(mail) == DeliveryState.WAITING


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_password_beyond_ascii_signs_in(
    mail: OwedMail, now: datetime, port: int, settings: Any, mechanism: str
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "bücher", "pässwörd"
    met: list[tuple[bytes, bytes]] = []

    def prove(_server: Any, _session: Any, _envelope: Any, _mechanism: str, proof: Any) -> AuthResult:
        met.append((proof.login, proof.password))
        return AuthResult(success=True)

    server = Controller(
        Mailbox(), hostname="127.0.0.1", port=port, authenticator=prove, auth_require_tls=False,
        auth_exclude_mechanism={"PLAIN", "LOGIN"} - {mechanism},
    )  # fmt: skip
    server.start()
    try:
        assert outbox.deliver_due(now=now) == 1
    finally:
        server.stop()
    assert met == [("bücher".encode(), "pässwörd".encode())]


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("Acme, Inc. <api@acme.example>", "Acme, Inc.", "api@acme.example"),
        ('"Acme, Inc." <api@acme.example>', "Acme, Inc.", "api@acme.example"),
        ("API (prod): Acme <api@acme.example>", "API (prod): Acme", "api@acme.example"),
        ("Bücher, Ärzte & Söhne <api@bücher.example>", "Bücher, Ärzte & Söhne", "api@xn--bcher-kva.example"),
        ("api@bücher.example", "", "api@xn--bcher-kva.example"),
        ("=?utf-8?q?a?= <api@acme.example>", "=?utf-8?q?a?=", "api@acme.example"),
        ("Ä" * 90 + " <api@acme.example>", "Ä" * 90, "api@acme.example"),
    ],
)
def test_mail_comes_from_the_sender_as_it_is_written(
    mail: OwedMail, now: datetime, port: int, settings: Any, sender: str, name: str, address: str
) -> None:
    settings.DEFAULT_FROM_EMAIL = sender
    with serving(port) as box:
        assert outbox.deliver_due(now=now) == 1
    (received,) = box.mails
    (shown,) = received["From"].addresses
    # Python keeps the space between encoded words.
    assert (shown.display_name.replace(" ", ""), shown.addr_spec) == (name.replace(" ", ""), address)
    assert not received.defects
    assert not received["From"].defects
    assert str(received["Message-ID"]).isascii()
    assert str(received["Message-ID"]).endswith(f"@{address.partition('@')[2]}>")


@pytest.mark.parametrize(
    "sender",
    ["", "Acme", "Acme, Inc.", "<>", "a@", "@b.example", "bücher@acme.example", "a@b.example <", f"a@{'x' * 70}"],
)
def test_unusable_sender_loses_no_mail_and_breaks_no_list(
    mail: OwedMail, now: datetime, port: int, settings: Any, sender: str
) -> None:
    settings.DEFAULT_FROM_EMAIL = sender
    with serving(port) as box:
        assert outbox.deliver_due(now=now) == 0
        mail.refresh_from_db()
        listed = delivery_status.document(mail)
        assert (listed["state"], listed["attempts"]) == ("waiting", 1)
        assert "SIMSIM_EMAIL_FROM" in str(listed["last_error"])
        settings.DEFAULT_FROM_EMAIL = "Simsim <simsim@acme.example>"
        assert outbox.deliver_due(now=now + timedelta(minutes=1)) == 1
    assert len(box.mails) == 1


def test_internationalized_domains_work_for_recipients_and_replies(now: datetime, port: int) -> None:
    facts = {"subject": "S", "text": "T", "html": "", "reply_to": "bob@bücher.example"}
    outbox.owe(kind="ready_made", recipient="alice@bücher.example", dedupe="same", facts=facts, now=now)
    with serving(port) as box:
        assert outbox.deliver_due(now=now) == 1
    (received,) = box.mails
    assert received["To"] == "alice@xn--bcher-kva.example"
    assert received["Reply-To"] == "bob@xn--bcher-kva.example"


@pytest.mark.covers("R9")
def test_delayed_notice_says_the_time_left_when_it_is_sent(cast: Cast, now: datetime, port: int) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="10d", now=now)
    OwedMail.objects.all().delete()
    end = Token.objects.get().expires_at
    expiry_notices.owe_due(now=now)
    expiry_notices.owe_due(now=end - timedelta(days=2))
    notice = OwedMail.objects.get()
    outbox.deliver_due(now=end - timedelta(days=2))
    sent_at = end - timedelta(hours=3)
    with serving(port) as box:
        assert outbox.deliver_due(now=sent_at) == 1
    (received,) = box.mails
    assert "expires in 3 hours" in str(received["Subject"])
    assert received["Date"].datetime == sent_at.replace(microsecond=0)
    assert received["Message-ID"] == message.message_id(notice)
    part = received.get_body(("plain",))
    assert part is not None
    assert "expires in 3 hours, on" in part.get_content()
    assert "2 days" not in str(received)


@pytest.mark.covers("R9")
def test_notice_about_a_past_expiry_is_not_sent(cast: Cast, now: datetime, port: int) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="2d", now=now)
    expiry_notices.owe_due(now=now)
    OwedMail.objects.exclude(kind="token_expiring").delete()
    with serving(port) as box:
        assert outbox.deliver_due(now=Token.objects.get().expires_at) == 0
    assert box.mails == []
    assert OwedMail.objects.get().last_error == "withdrawn: the token had expired before"


def self_signed(directory: Path) -> Path:
    """Return a file with a key and a self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(today).not_valid_after(today + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = directory / "mail.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path
