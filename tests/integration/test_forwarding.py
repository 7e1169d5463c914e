"""Forwarding from the real queue on the real database to real receivers."""

import itertools
import json
import select
import socket
import threading
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections, transaction
from django.utils import translation
from pytest_django import Settings

from cast import Cast
from logged_requests import row
from postgresql_server import free_port
from receivers import SECRET, Webhook, certificate, dripping, syslog, webhook
from request_lines import ACME, SpoolOfTests
from settings_for_tests import ON_POSTGRESQL
from simsim.accounts.actions import create_account
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.audit.models import Shipment as AuditShipment
from simsim.credential.decision import Cause, Decision, Reason
from simsim.delivery import connection as receiver_connection
from simsim.delivery import signed_post
from simsim.delivery.connection import ReceiverRefused, ReceiverUnavailable
from simsim.forwarding import forwarder, lost_events, queue
from simsim.forwarding import webhook as sender
from simsim.forwarding.events import ForwardedEvent
from simsim.forwarding.receiver import Target, read_target
from simsim.health.doctor import checks
from simsim.health.doctor.findings import Finding
from simsim.operations import worker
from simsim.request_log import retention
from simsim.request_log.models import LoggedRequest, RetentionMark, Shipment
from simsim.request_log.ship import forward_queue, insert
from simsim.request_log.ship.shipper import Shipper

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.covers("R17")]
moments = itertools.count()
EXPIRED = Decision(Reason.EXPIRED, Cause.EXPIRED)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(autouse=True)
def target(port: int, settings: Settings) -> Target:
    """The target when forwarding by webhook to that port is configured."""
    return configure(settings, f"http://127.0.0.1:{port}/hook", SECRET)


def configure(settings: Any, url: str, secret: str = "", authorities: str = "") -> Target:
    settings.FORWARD_TARGET = read_target(url, secret, authorities)
    settings.FORWARD_LOG = settings.FORWARD_AUDIT = True
    return settings.FORWARD_TARGET  # type: ignore[no-any-return]


def queued(now: datetime, count: int = 1, **changed: Any) -> list[str]:
    """Store requests as shipping does, and return their ids."""
    with transaction.atomic(using=django_settings.REQUEST_LOG_ALIAS):
        # Never twice in a microsecond: the ids of two batches could meet, which shipping would try again.
        moment = now + timedelta(milliseconds=next(moments))
        stored = insert.store([row(received_at=moment, **changed) for _ in range(count)])
        forward_queue.queue(stored, now=now)
    return [str(row_id) for row_id in stored]


def drain(target: Target, now: datetime) -> int:
    """Forward until nothing is due; return the number of accepted events."""
    taken = 0
    while some := forwarder.forward_due(target, now=now):
        taken += some
    return taken


@pytest.fixture
def spool(tmp_path: Path) -> Any:
    made = SpoolOfTests(tmp_path)
    yield made
    made.close()


def test_row_is_forwarded_when_decided_and_again_with_the_same_id_when_completed(
    spool: SpoolOfTests, port: int, target: Target, now: datetime
) -> None:
    shipper = Shipper(spool.directory, lambda: now)
    spool.decide(1)
    spool.decide(2, EXPIRED)
    spool.complete(2, 401)
    assert shipper.ship_once() == 2
    with webhook(port) as box:
        assert drain(target, now) == 2
        spool.complete(1)
        shipper.ship_once()
        assert drain(target, now) == 1
    decided, ended = (event for event in box.events if event["resource"] == "/r/1")
    assert (decided["outcome"], ended["outcome"]) == ("unknown", "accepted")
    assert decided["id"] == ended["id"]
    (refused,) = (event for event in box.events if event["resource"] == "/r/2")
    assert (refused["reason"], refused["status"]) == ("expired", 401)
    assert {event["account_id"] for event in box.events} == {str(ACME)}
    contract = {
        "id", "received_at", "method", "resource", "status", "outcome", "reason", "detail", "duration_seconds",
        "token_id", "token_name", "address",
    }  # fmt: skip
    assert contract | {"kind", "account_id", "cause", "bytes"} == set(ended)
    assert Shipment.objects.count() == 0


def test_late_row_with_an_older_id_is_forwarded(port: int, target: Target, now: datetime) -> None:
    with webhook(port) as box:
        newer = queued(now)
        drain(target, now)
        older = queued(now - timedelta(hours=1))
        drain(target, now)
    assert int(older[0]) < int(newer[0])
    assert box.ids() == newer + older


def test_nothing_is_queued_when_forwarding_is_off(
    cast: Cast, spool: SpoolOfTests, settings: Settings, now: datetime
) -> None:
    settings.FORWARD_LOG = settings.FORWARD_AUDIT = False
    AuditShipment.objects.all().delete()  # of the cast
    spool.decide(1)
    assert Shipper(spool.directory, lambda: now).ship_once() == 1
    create_account(actor=cast.olga, name="Initech", now=now)
    assert not Shipment.objects.exists()
    assert not AuditShipment.objects.exists()


def test_audit_event_is_queued_in_the_transaction_of_its_change(cast: Cast, now: datetime) -> None:
    before = AuditEvent.objects.count(), AuditShipment.objects.count()
    with transaction.atomic():
        create_account(actor=cast.olga, name="Initech", now=now)
        transaction.set_rollback(True)
    assert (AuditEvent.objects.count(), AuditShipment.objects.count()) == before
    create_account(actor=cast.olga, name="Initech", now=now)
    assert (AuditEvent.objects.count(), AuditShipment.objects.count()) == (before[0] + 1, before[1] + 1)


def test_audit_events_of_all_accounts_are_forwarded(cast: Cast, port: int, target: Target, now: datetime) -> None:
    with webhook(port) as box:
        drain(target, now + timedelta(seconds=1))
    events = AuditEvent.objects.order_by("pk")
    assert box.ids("audit") == [str(event.pk) for event in events]
    assert {event["account_id"] for event in box.events} >= {str(cast.acme.pk), str(cast.globex.pk)}
    told = box.events[0]
    assert set(told) == {
        "kind", "id", "at", "event", "account_id", "actor_id", "actor", "subject_id", "details", "door", "address",
        "os_user", "number", "mac",
    }  # fmt: skip
    assert told["event"] == events[0].event


def test_receiver_gets_everything_in_order_after_an_outage(port: int, target: Target, now: datetime) -> None:
    sent: list[str] = []
    for nth in range(5):
        sent += queued(now + timedelta(seconds=nth), 3)
        with pytest.raises(ReceiverUnavailable, match="ConnectionRefusedError"):
            forwarder.forward_due(target, now=now + timedelta(minutes=1))
    with webhook(port) as box:
        assert drain(target, now + timedelta(hours=9)) == 15
    assert box.ids() == sent
    assert Shipment.objects.count() == 0


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_temporary_error_leaves_the_queue_unchanged(status: int, port: int, target: Target, now: datetime) -> None:
    sent = queued(now, 2)
    with webhook(port) as box:
        box.status = status
        with pytest.raises(ReceiverUnavailable, match=str(status)):
            forwarder.forward_due(target, now=now)
        box.status = 200
        assert drain(target, now) == 2
    assert box.ids() == sent


@pytest.mark.parametrize("status", [400, 401, 404, 413, 302, 307])
def test_refused_shipment_waits_longer_each_time_delays_no_other_and_is_never_dropped(
    status: int, port: int, target: Target, now: datetime
) -> None:
    refused = queued(now)
    with webhook(port) as box, webhook(elsewhere := free_port()) as stranger:
        box.status, box.headers = status, {"Location": f"http://127.0.0.1:{elsewhere}/"}
        with pytest.raises(ReceiverRefused, match=str(status)):
            forwarder.forward_due(target, now=now)
        box.status = 200
        others = queued(now)
        assert drain(target, now) == 1
        assert box.ids() == others
        (shipment,) = Shipment.objects.all()
        assert str(status) in shipment.last_error
        assert timedelta(minutes=1) <= shipment.due_at - now <= timedelta(hours=1)
        assert drain(target, now + timedelta(hours=1)) == 1
    assert box.ids() == others + refused
    assert not stranger.raw, "no redirect is followed"


def test_refused_kind_of_event_does_not_delay_the_other(cast: Cast, port: int, target: Target, now: datetime) -> None:
    sent = queued(now)
    with webhook(port) as box:
        box.refused_kind = "audit"
        with pytest.raises(ReceiverRefused):
            forwarder.forward_due(target, now=now + timedelta(seconds=1))
    assert box.ids() == sent


def test_retry_keeps_its_webhook_id_and_other_content_gets_another(port: int, target: Target, now: datetime) -> None:
    queued(now)
    with webhook(port) as box:
        for _ in range(2):
            box.status = 500
            with pytest.raises(ReceiverUnavailable):
                forwarder.forward_due(target, now=now)
        box.status = 200
        drain(target, now)
        queued(now)
        drain(target, now)
    first, second, third, other = box.asked
    assert first == second == third != other


def test_many_rows_are_split_into_bodies_that_a_proxy_accepts(port: int, target: Target, now: datetime) -> None:
    sent = queued(now, 1200, resource="/" + "é" * 2000)
    with webhook(port) as box:
        drain(target, now)
    assert box.ids() == sent
    assert max(map(len, box.raw)) < 1024 * 1024
    assert len({message_id for message_id, _ in box.messages}) == len(box.messages) > 10


def test_shipments_of_a_killed_worker_are_free_after_the_lease(port: int, target: Target, now: datetime) -> None:
    sent = queued(now)
    log = queue.QUEUES[1]
    assert len(queue.claim(log, now)) == 1
    with webhook(port) as box:
        assert drain(target, now + timedelta(minutes=1)) == 0
        assert drain(target, now + queue.LEASE) == 1
    assert box.ids() == sent


def test_two_concurrent_workers_send_each_event_once(port: int, target: Target, now: datetime) -> None:
    sent: list[str] = []
    for _ in range(40):
        sent += queued(now, 100)

    def work() -> None:
        drain(target, now)
        connections.close_all()

    with webhook(port) as box:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert Counter(box.ids()) == Counter(sent)


def test_receiver_that_sends_byte_by_byte_is_cut_off(
    port: int, target: Target, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_connection, "ATTEMPT_SECONDS", 0.5)
    queued(now)
    with dripping(port), pytest.raises(ReceiverUnavailable, match="did not finish"):
        forwarder.forward_due(target, now=now)
    assert Shipment.objects.get().due_at == now


def test_reset_caused_by_the_cut_is_reported_as_a_timeout(
    port: int, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver's next bytes may arrive after the cut and before the reader wakes."""
    monkeypatch.setattr(receiver_connection, "ATTEMPT_SECONDS", 0.2)
    with (
        dripping(port),
        pytest.raises(ReceiverUnavailable, match="did not finish"),
        target.connected() as connection,
    ):
        read_after_the_reset(connection.socket)


def read_after_the_reset(sock: socket.socket) -> None:
    poll, deadline = select.poll(), time.monotonic() + 20
    poll.register(sock, 0)  # an error is told unasked
    while not any(event & select.POLLERR for _, event in poll.poll(100)):
        assert time.monotonic() < deadline, "no reset came"
        time.sleep(0.01)
    while sock.recv(4096):
        pass


def test_forwarded_text_does_not_depend_on_the_language(port: int, target: Target, now: datetime) -> None:
    queued(now)
    with webhook(port) as box, translation.override("de"):
        drain(target, now)
    assert box.events[0]["detail"] == "The token “reader” let the request in."


@pytest.mark.parametrize("is_tls", [False, True])
class TestSyslog:
    def test_events_arrive_as_the_rfcs_say(
        self, cast: Cast, is_tls: bool, port: int, settings: Settings, tmp_path: Path, now: datetime
    ) -> None:
        proof, tls = certificate(tmp_path)
        scheme = "syslog+tls" if is_tls else "syslog"
        target = configure(settings, f"{scheme}://127.0.0.1:{port}", "", str(proof) if is_tls else "")
        sent = queued(now, 300, resource="/a\n<34>1 - - - - - -", reason="expired", outcome="refused", status=401)
        with syslog(port, tls=tls if is_tls else None) as box:
            drain(target, now + timedelta(seconds=1))
            box.wait(lambda: len(box.ids()) == 300)
        assert box.ids() == sent
        assert box.ids("audit") == [str(event.pk) for event in AuditEvent.objects.order_by("pk")]
        first = next(each for each in box.messages if each["msgid"] == b"request")
        assert (first["app"], first["pri"]) == (b"simsim", b"133")
        assert first["facts"]["id"].decode() == sent[0]
        assert first["facts"]["account"].decode() == str(uuid.UUID(int=1))

    def test_receiver_that_dies_before_reading_gets_the_events_again(
        self, is_tls: bool, port: int, settings: Settings, tmp_path: Path, now: datetime
    ) -> None:
        proof, tls = certificate(tmp_path)
        scheme = "syslog+tls" if is_tls else "syslog"
        target = configure(settings, f"{scheme}://127.0.0.1:{port}", "", str(proof) if is_tls else "")
        sent = queued(now, 200)
        with syslog(port, tls=tls if is_tls else None) as box:
            box.dies = True
            for _ in range(5):
                with pytest.raises(ReceiverUnavailable):
                    forwarder.forward_due(target, now=now)
            box.dies = False
            assert drain(target, now) == 200
            box.wait(lambda: len(box.ids()) == 200)
        assert box.ids() == sent


@pytest.mark.covers("B6")
def test_receiver_without_a_valid_certificate_gets_nothing(
    port: int, settings: Settings, tmp_path: Path, now: datetime
) -> None:
    queued(now)
    (tmp_path / "other").mkdir()
    trusted, _ = certificate(tmp_path / "other")
    proof, tls = certificate(tmp_path)
    elsewhere, named_otherwise = certificate(tmp_path, address="127.0.0.2")
    for authorities, served in (("", tls), (str(trusted), tls), (str(elsewhere), named_otherwise)):
        target = configure(settings, f"https://127.0.0.1:{port}/", SECRET, authorities)
        with webhook(port, tls=served) as box, pytest.raises(ReceiverUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            forwarder.forward_due(target, now=now)
        assert not box.raw
    target = configure(settings, f"https://127.0.0.1:{port}/", SECRET, str(proof))
    with webhook(port, tls=tls) as box:
        assert drain(target, now) == 1


@pytest.mark.covers("B6")
def test_password_in_a_path_is_not_forwarded(spool: SpoolOfTests, port: int, target: Target, now: datetime) -> None:
    planted = "sim_" + "A" * 49
    line = {
        "id": "0" * 32, "at": now.timestamp(), "seconds": 0.1, "status": 400, "bytes": 1, "method": "GET",
        "path": f"/by-path/{planted}?password={planted}", "address": "203.0.113.9",
    }  # fmt: skip
    (spool.directory / "gateway.jsonl").write_text(json.dumps(line) + "\n")
    Shipper(spool.directory, lambda: now).ship_once()
    with webhook(port) as box:
        assert drain(target, now) == 1
    assert "/by-path/" in box.events[0]["resource"]
    assert planted.encode() not in b"".join(box.raw)


def test_events_older_than_the_log_are_deleted_and_the_gap_is_recorded(
    port: int, target: Target, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    old, kept = now - timedelta(days=12), now - timedelta(days=3)
    queued(old, 7)
    sent = queued(kept, 2)
    assert lost_events.delete_outdated(now, days=10) == 1
    assert lost_events.delete_outdated(now, days=10) == 0
    (gap,) = AuditEvent.objects.filter(event=Event.FORWARDING_GAP)
    assert (gap.details["events"], gap.details["kind"]) == (7, "request")
    assert "7 events" in caplog.text
    with webhook(port) as box:
        assert drain(target, now) == 3
        (found,) = checks.forwarding()
    assert box.ids() == sent
    assert [event["event"] for event in box.events if event["kind"] == "audit"] == ["forwarding.gap"]
    assert not found.is_good
    assert "7 were given up" in found.detail


def test_row_deleted_before_it_was_forwarded_is_a_gap(port: int, target: Target, now: datetime) -> None:
    sent = queued(now, 3)
    LoggedRequest.objects.filter(pk=int(sent[1])).delete()
    with webhook(port) as box:
        assert drain(target, now) == 2 + 1
    assert box.ids() == [sent[0], sent[2]]
    assert box.events[-1]["details"]["events"] == 1


def test_retention_job_deletes_old_shipments(now: datetime) -> None:
    queued(now - timedelta(days=500))
    RetentionMark.objects.create(pk=RetentionMark.ONLY, at=now)
    while worker.delete_old():
        pass
    assert not Shipment.objects.exists()
    assert retention.forget_old(now, days=400) == 0


class TestDoctor:
    def found(self) -> Finding:
        (finding,) = checks.forwarding()
        return finding

    def test_is_silent_when_forwarding_is_off(self, settings: Settings) -> None:
        settings.FORWARD_TARGET = None
        assert list(checks.forwarding()) == []

    def test_says_that_the_receiver_answers_and_shows_no_path(self, port: int) -> None:
        with webhook(port):
            assert self.found() == Finding("forwarding", True, f"127.0.0.1:{port} answers")

    def test_says_how_many_events_wait_since_when_and_the_last_error(
        self, port: int, target: Target, now: datetime
    ) -> None:
        queued(now - timedelta(hours=3), 4)
        assert "can't be reached" in self.found().detail
        assert f"4 waiting, the oldest since {now - timedelta(hours=3):%Y-%m-%d %H:%M} UTC" in self.found().detail
        with webhook(port) as box:
            assert "is simsim worker running?" in self.found().detail
            box.status = 401
            with pytest.raises(ReceiverRefused):
                forwarder.forward_due(target, now=now)
            assert "(it answered 401 Unauthorized)" in self.found().detail
            assert not self.found().is_good


def test_claim_skips_rows_that_another_worker_is_claiming(now: datetime) -> None:
    """PostgreSQL skips locked rows; SQLite has one writer, and the others wait."""
    queued(now)
    log = queue.QUEUES[1]
    held, go = threading.Event(), threading.Event()
    claimed: list[Any] = []

    def hold() -> None:
        with transaction.atomic(using=log.rows.db):
            claimed.extend(queue.claim(log, now))
            held.set()
            go.wait(0.5 if not ON_POSTGRESQL else 20)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    assert queue.claim(log, now) == []
    go.set()
    thread.join()
    assert len(claimed) == 1
    assert queue.claim(log, now) == []


@pytest.mark.covers("B6")
def test_guides_example_verifies_deliveries_and_nothing_else(port: int, target: Target) -> None:
    guide = (Path(__file__).parents[2] / "docs/operators/forwarding.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(guide.partition("```python\n")[2].partition("```")[0], names)
    is_simsims = names["is_simsims"]
    sent_at = datetime.now(UTC)
    event = ForwardedEvent("request", "1", sent_at, True, {}, b'{"kind":"request"}')
    for secrets in (SECRET, f"whsec_{'A' * 40} {SECRET}"):
        with webhook(port) as box:
            sender.send(read_target(f"http://127.0.0.1:{port}/", secrets, ""), "delivery", [event], sent_at)
        headers = {name.lower(): value for name, value in box.last_headers.items()}
        assert is_simsims(headers, box.raw[0], SECRET)
        assert not is_simsims(headers, box.raw[0] + b" ", SECRET)
        assert not is_simsims(headers | {"webhook-id": "msg_other"}, box.raw[0], SECRET)
        assert not is_simsims(headers, box.raw[0], "whsec_" + "B" * 40)
        stale = signed_post.headers(target.netloc, target.secrets, "msg_1", b"[]", sent_at - timedelta(minutes=6))
        assert not is_simsims(stale, b"[]", SECRET)


def test_webhook_box_rejects_a_forged_signature() -> None:
    """Otherwise these tests would prove nothing: the receiver must detect a changed body."""
    with pytest.raises(AssertionError):
        Webhook().take({"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}, b"[]")
