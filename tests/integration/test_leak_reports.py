"""Reports of leaked passwords: what proves them, what follows at once, and what changes nothing (Must show 7, T20)."""

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from api_client import basic, management_token, program_of_olga
from cast import Cast
from console_client import text_of
from simsim.accounts.operators import add_operator
from simsim.accounts.permissions import OPERATOR
from simsim.api import rate_limits
from simsim.audit.models import AuditEvent
from simsim.credential import management_password, password
from simsim.leak_reports import public_keys, source_caps
from simsim.leak_reports.models import LeakReport
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import ManagementToken
from simsim.problem import ServiceUnavailable
from simsim.tokens.actions import create_token, rotate_token
from simsim.tokens.models import Token
from simsim.webhooks.actions import add_endpoint
from simsim.webhooks.models import WebhookDelivery
from verbs import WIRING

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B4")]
FORM = "/leaks/"


@dataclass
class Scanner:
    """A secret scanner with its own key, as GitHub is one: it signs the body, and lists its public key."""

    file: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    identifier: str = "7"

    def document(self, *, is_current: bool = True) -> bytes:
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        listed = {"key_identifier": self.identifier, "key": public, "is_current": is_current}
        return json.dumps({"public_keys": [listed]}).encode()

    def list_key(self, *, is_current: bool = True) -> None:
        self.file.write_bytes(self.document(is_current=is_current))

    def body(self, *passwords: str, source: str = "Content") -> bytes:
        url = "https://github.com/acme/reports/blob/main/.env"
        found = [{"token": each, "type": "simsim_token", "url": url, "source": source} for each in passwords]
        return json.dumps(found).encode()

    def signed(self, body: bytes) -> str:
        return base64.b64encode(self.key.sign(body, ec.ECDSA(hashes.SHA256()))).decode()

    def post(self, body: bytes, **changed: str) -> Any:
        headers = {"Github-Public-Key-Identifier": self.identifier, "Github-Public-Key-Signature": self.signed(body)}
        client = Client()
        return client.post("/api/v1/leaks", body, content_type="application/json", headers=headers | changed)


@pytest.fixture
def scanner(tmp_path: Path, settings: Any) -> Scanner:
    scanner = Scanner(tmp_path / "keys.json")
    scanner.list_key()
    settings.LEAK_REPORT_KEYS = str(scanner.file)
    return scanner


@pytest.fixture(autouse=True)
def quiet_sources() -> Iterator[None]:
    for forget in (source_caps.forget, rate_limits._windows.clear):
        forget()
    yield
    source_caps.forget()


@pytest.fixture
def leaked(cast: Cast, now: datetime) -> tuple[Token, str]:
    token, credentials = create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)
    return token, credentials.password


def works(token: Token, secret: str) -> bool:
    """Whether the password opens anything, as the gate decides it."""
    answer = Client().get("/api/v1/self", headers={"Authorization": basic(str(token.account_id), secret)})
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


def state() -> list[object]:
    """Return everything that a report may change."""
    models = (Token, ManagementToken, LeakReport, AuditEvent, OwedMail, WebhookDelivery)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_signed_report_stops_the_password_before_its_answer_and_tells_everybody(
    cast: Cast, leaked: tuple[Token, str], scanner: Scanner, now: datetime
) -> None:
    token, secret = leaked
    add_endpoint(
        actor=cast.as_alice, account=cast.acme, name="SIEM", url="https://hooks.example/",
        events=["token.leak_reported"], now=now,
    )  # fmt: skip
    assert works(token, secret)
    answer = scanner.post(scanner.body("nonsense", password.mint(), secret))
    assert (answer.status_code, answer.content) == (204, b"")
    assert not works(token, secret)
    token.refresh_from_db()
    assert (token.revocation_reason, token.revoked_by_label) == ("leaked", "leak report")
    recorded = AuditEvent.objects.filter(subject_id=str(token.pk)).order_by("pk").values_list("event", "details")
    assert [event for event, _ in recorded] == ["token.created", "token.revoked", "token.leak_reported"]
    assert recorded[2][1] == {
        "name": "Power BI", "source": "content", "response": "revoked",
        "place": "https://github.com/acme/reports/blob/main/.env",
    }  # fmt: skip
    (mail,) = OwedMail.objects.filter(kind="leak_reported")
    assert (mail.recipient, mail.facts["response"]) == ("alice@acme.example", "revoked")
    assert not OwedMail.objects.filter(kind="token_revoked").exists(), "one email is enough"
    (delivery,) = WebhookDelivery.objects.filter(event="token.leak_reported")
    assert json.loads(delivery.body)["data"]["token"]["status"] == "revoked"
    before = state()
    for source in ("Content", "CONTENT", "commit"):
        assert scanner.post(scanner.body(secret, source=source)).status_code == 204
    assert state() == before, "a repeat changes nothing"


def test_report_that_is_not_signed_by_a_current_key_changes_nothing(
    leaked: tuple[Token, str], scanner: Scanner, settings: Any
) -> None:
    token, secret = leaked
    body, before = scanner.body(secret), state()
    stranger = Scanner(scanner.file)
    sha512 = base64.b64encode(scanner.key.sign(body, ec.ECDSA(hashes.SHA512()))).decode()
    name = "Github-Public-Key-Signature"
    signatures = (stranger.signed(body), scanner.signed(body + b" "), sha512, "", "?", "MAA=", "a" * 90)
    answers = [scanner.post(body, **{name: signature}) for signature in signatures]
    answers.append(scanner.post(body, **{"Github-Public-Key-Identifier": "8"}))
    scanner.list_key(is_current=False)
    answers.append(scanner.post(body))
    for answer in answers:
        assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (403, "bad-signature")
    settings.LEAK_REPORT_KEYS = ""
    assert scanner.post(body).status_code == 404
    assert state() == before
    assert works(token, secret)


def test_body_that_is_signed_but_no_report_is_refused_whole(leaked: tuple[Token, str], scanner: Scanner) -> None:
    before = state()
    for body, status in ((b"{}", 422), (b"[1]", 422), (b'[{"type": "x"}]', 422), (b"[", 400)):
        assert scanner.post(body).status_code == status, body
    assert state() == before


def test_fakes_by_the_thousand_are_capped_by_source_and_change_nothing(
    leaked: tuple[Token, str], scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, secret = leaked
    before = state()
    fakes = [password.mint() for _ in range(10_000)]
    for begin in (0, 5_000):
        report = scanner.body(*fakes[begin : begin + 5_000])
        assert scanner.post(report).status_code == 204, "signed, and of none of our tokens"
    monkeypatch.setattr(rate_limits, "QUOTA", 50)
    body = scanner.body(secret)
    statuses = [scanner.post(body, **{"Github-Public-Key-Signature": "MAA="}).status_code for _ in range(100)]
    assert statuses == [403] * 48 + [429] * 52, "two requests were counted before"
    client = Client()
    codes = [client.post(FORM, {"password": fake}).status_code for fake in fakes[:100]]
    assert codes == [302] * source_caps.MAX_REPORTS + [429] * (100 - source_caps.MAX_REPORTS)
    assert client.post(FORM, {"password": secret}).status_code == 429
    assert client.post(FORM, {"password": fakes[0]}, REMOTE_ADDR="192.0.2.7").status_code == 302, "others still may"
    assert state() == before
    assert works(token, secret)


def test_form_tells_a_stranger_the_same_about_every_password(leaked: tuple[Token, str]) -> None:
    token, secret = leaked
    client = Client()
    assert client.get(FORM).status_code == 200
    refused = client.post(FORM, {"password": secret[:-1] + "é", "place": "a chat"})
    assert refused.status_code == 422
    assert secret[:-1] not in refused.content.decode()
    assert "a chat" in refused.content.decode()
    answers = [client.post(FORM, {"password": f" {each} ", "place": f"our wiki, {secret}"}, follow=True)
               for each in (password.mint(), secret, secret)]  # fmt: skip
    assert len({text_of(answer) for answer in answers}) == 1
    assert not works(token, secret)
    report = LeakReport.objects.get()
    assert (report.source, report.place) == ("form", "our wiki, sim_***")


def test_previous_password_of_a_rotation_ends_alone(
    cast: Cast, leaked: tuple[Token, str], scanner: Scanner, now: datetime
) -> None:
    token, previous = leaked
    token, current = rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(days=1), now=now)
    scanner.post(scanner.body(previous))
    assert [works(token, secret) for secret in (previous, current.password)] == [False, True]
    assert OwedMail.objects.get(kind="leak_reported").facts["response"] == "overlap_ended"


def test_management_token_is_revoked_and_its_account_or_the_operators_are_told(
    cast: Cast, scanner: Scanner, now: datetime
) -> None:
    add_operator(actor=OPERATOR, email="olga@operator.example", now=now)
    _, credentials = management_token(cast.as_alice, cast.acme, now=now)
    olgas = program_of_olga(now)
    secret = base64.b64decode(olgas.authorization.split()[1]).decode().partition(":")[2]
    scanner.post(scanner.body(management_password.mint(), credentials.password, secret))
    signed = {"Authorization": basic(credentials.username, credentials.password)}
    assert Client().get("/api/v1/target-software", headers=signed).status_code == 401
    assert olgas.get("/target-software").status_code == 401
    told = OwedMail.objects.filter(kind="leak_reported").order_by("recipient")
    assert [(mail.recipient, mail.facts["is_management"]) for mail in told] == [
        ("alice@acme.example", True), ("olga@operator.example", True),
    ]  # fmt: skip
    before = state()
    scanner.post(scanner.body(credentials.password, secret))
    assert state() == before


def test_operator_reports_what_standard_input_holds(
    leaked: tuple[Token, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys
    from types import SimpleNamespace

    from simsim.operations.command_line import run

    token, secret = leaked
    for stopped in ([{"id": str(token.pk), "name": "Power BI", "kind": "token", "response": "revoked"}], []):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(f"X={secret}\n".encode())))
        assert run(["leak", "report", "--json"], wiring=WIRING) == 0
        out = capsys.readouterr().out
        assert json.loads(out)["items"] == stopped
        assert secret not in out
    assert not works(token, secret)


@pytest.mark.any_database
def test_list_of_keys_is_fetched_cached_and_kept_while_its_service_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner, clock, asked = Scanner(tmp_path / "none"), [1000.0], []
    served: list[bytes | None] = [scanner.document()]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if served[0] else 503)
            self.end_headers()
            self.wfile.write(served[0] or b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    monkeypatch.setattr("simsim.leak_reports.public_keys.time.monotonic", lambda: clock[0])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        keys = public_keys.KeyList(f"http://127.0.0.1:{server.server_port}/keys")
        assert [keys.find("7") is not None for _ in range(3)] == [True] * 3
        assert len(asked) == 1, "cached"
        for _ in range(100):
            assert keys.find("9") is None
        assert len(asked) == 1, "an unknown key does not make us ask again at once"
        clock[0] += public_keys.RETRY_SECONDS
        scanner.identifier = "9"
        served[0] = scanner.document()
        assert keys.find("9") is not None, "a new key is found within a minute"
        assert keys.find("7") is None, "and an old one is gone"
        served[0] = None
        clock[0] += public_keys.FRESH_SECONDS
        assert keys.find("9") is not None
        clock[0] += public_keys.MAX_AGE_SECONDS
        with pytest.raises(ServiceUnavailable):
            keys.find("9")
        served[0] = b"not JSON"
        clock[0] += public_keys.RETRY_SECONDS
        with pytest.raises(ServiceUnavailable):
            keys.find("9")
        server.shutdown()
