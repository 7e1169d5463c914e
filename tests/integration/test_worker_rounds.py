"""The worker reports its health, and notices a clock that was set and a database that was restored."""

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from cast import Cast
from request_lines import SpoolOfTests
from simsim.audit.models import AuditEvent
from simsim.credential.allowlist import parse_address
from simsim.credential.decision import REVOKED, Record
from simsim.gate.decided_line import decided_line, frame
from simsim.gate.worker_health import read_worker_health
from simsim.health import worker_reports
from simsim.health.doctor import nodes as doctor_nodes
from simsim.health.doctor import processes, restores
from simsim.health.worker_reports import HealthReporter, Progress
from simsim.mail import outbox
from simsim.mail.models import OwedMail
from simsim.request_log import nodes
from simsim.request_log.models import ClockJump, WorkerNode
from simsim.request_log.ship.backlog import backlog
from simsim.request_log.ship.shipper import Shipper
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.models import Token

pytestmark = pytest.mark.django_db(databases="__all__")
NODE = "5" * 32
MONTH = timedelta(days=31)


class Clocks:
    """A wall clock that tests can set, and a boot clock that only advances."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.boot = 1000.0

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.boot += seconds

    def reporter(self, spool: Path, *jobs: tuple[str, Progress]) -> HealthReporter:
        return HealthReporter(spool, lambda: jobs, wall=lambda: self.now, boot=lambda: self.boot)


@pytest.fixture
def clocks(now: datetime) -> Clocks:
    return Clocks(now)


@pytest.fixture
def spool(settings: Settings, tmp_path: Path) -> Path:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"data_dir": tmp_path})
    directory = tmp_path / "spool"
    directory.mkdir()
    (directory / ".shipping").write_text(NODE)
    return directory


def jumps() -> list[float]:
    return [round(jump.seconds) for jump in ClockJump.objects.order_by("pk")]


@pytest.mark.covers("B11")
def test_dead_worker_is_reported_with_the_lines_that_wait(
    spool: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = worker_reports.boot_seconds()
    (never,) = doctor_nodes.workers()
    assert never.is_pending
    writes = SpoolOfTests(spool)
    HealthReporter(spool, tuple).report()
    (good,) = doctor_nodes.workers()
    assert good.is_good, good.detail
    assert good.detail == "last round 0 s ago; no line is waiting to be shipped"
    for number in range(50):
        writes.decide(number, at=now - timedelta(minutes=24))
    monkeypatch.setattr(doctor_nodes, "boot_seconds", lambda: boot + 24 * 60)
    (dead,) = doctor_nodes.workers()
    assert not dead.is_good
    assert dead.detail == (
        f"last round 24 min ago: start simsim worker on {socket.gethostname()}; "
        "50 lines waiting to be shipped, the oldest for 24 min"
    )
    writes.close()
    Shipper(spool).ship_once()
    (late,) = doctor_nodes.workers()
    assert late.detail.endswith("; no line is waiting to be shipped")


@pytest.mark.covers("B11")
def test_backlog_counts_only_unshipped_lines_and_changes_nothing(spool: Path, now: datetime) -> None:
    assert backlog(spool, {}) is None
    writes = SpoolOfTests(spool)
    (spool / "gate-0.jsonl").touch()
    writes.decide(1, at=now - timedelta(hours=2))
    writes.decide(2, at=now)
    found = backlog(spool, {})
    assert found is not None
    assert (found.lines, found.since) == (2, now - timedelta(hours=2))
    assert found.size_bytes == (spool / "gate-1.jsonl").stat().st_size
    assert (spool / "gate-0.jsonl").exists()
    writes.close()


@pytest.mark.covers("B11")
def test_gate_learns_from_the_workers_file_how_long_lines_and_mails_wait(spool: Path, now: datetime) -> None:
    clocks = Clocks(datetime.now(UTC))
    silent = {"started_at": now, "boot_id": "", "boot_seconds": 0.0}
    ago = clocks.now - timedelta(seconds=20)
    WorkerNode.objects.create(node="1" * 32, host="api-2", round_at=ago, unshipped_since=ago, **silent)
    WorkerNode.objects.create(node="2" * 32, host="retired", round_at=ago, stopped_at=ago, **silent)
    writes = SpoolOfTests(spool)
    writes.decide(1, at=clocks.now - timedelta(seconds=90))
    Shipper(spool).ship_once()
    writes.decide(2, at=clocks.now - timedelta(seconds=30))
    outbox.owe(kind="test", recipient="bob@example.com", dedupe="x", facts={}, now=clocks.now - timedelta(seconds=40))
    reporter = clocks.reporter(spool)
    reporter.report()
    seconds = clocks.now.timestamp()
    found = read_worker_health(spool, seconds)
    assert (found.oldest_unshipped_seconds, found.oldest_mail_seconds) == (30.0, 40.0)
    (there,) = found.other_documents()
    assert there == {"host": "api-2", "last_round_seconds": 20.0, "oldest_unshipped_seconds": 20.0}
    # From here on the worker is dead, and lines written now wait too.
    Shipper(spool).ship_once()
    OwedMail.objects.all().delete()
    clocks.passes(6)
    reporter.report()
    found = read_worker_health(spool, seconds)
    assert (found.oldest_unshipped_seconds, found.oldest_mail_seconds) == (None, None)
    writes.decide(3, at=clocks.now)
    assert read_worker_health(spool, clocks.now.timestamp() + 1440).oldest_unshipped_seconds == 1440.0
    writes.close()


@pytest.mark.covers("B11")
def test_each_node_has_a_finding_of_its_own(spool: Path, clocks: Clocks, now: datetime) -> None:
    clocks.reporter(spool).report()
    silent = {"started_at": now, "boot_id": "", "boot_seconds": 0.0}
    ago = now - timedelta(minutes=5)
    WorkerNode.objects.create(node="1" * 32, host="dead", round_at=ago, unshipped_since=ago, **silent)
    WorkerNode.objects.create(node="2" * 32, host="retired", round_at=ago, stopped_at=ago, **silent)
    WorkerNode.objects.create(node="3" * 32, host="well", round_at=now, **silent)
    found = {finding.subject: finding for finding in doctor_nodes.workers()}
    assert [found[f"worker on {host}"].is_good for host in ("dead", "retired", "well")] == [False, True, True]
    assert f"since {ago:%Y-%m-%d %H:%M:%S} UTC" in found["worker on dead"].detail
    assert nodes.forget_old(now + timedelta(days=8)) == 4
    assert not WorkerNode.objects.exists()


@pytest.mark.covers("B11")
def test_job_that_fails_or_never_returns_is_reported(spool: Path, clocks: Clocks) -> None:
    failing, stuck = Progress(), Progress(began=clocks.boot)
    reporter = clocks.reporter(spool, ("mail 1", failing), ("log shipping", stuck))
    failing.failing_since, failing.error = clocks.now, "OperationalError: the database is away"
    reporter.report()
    assert reporter.failing(clocks.now) == []
    clocks.passes(20)
    reporter.report()
    (mail,) = WorkerNode.objects.get().failing
    assert (mail["job"], mail["error"]) == ("mail 1", "OperationalError: the database is away")
    assert json.loads((spool / ".worker").read_text())["failing"] == ["mail 1"]
    assert read_worker_health(spool, clocks.now.timestamp() + 60).failing == ("mail 1",)
    clocks.passes(300)
    failing.failing_since = None
    reporter.report()
    (found,) = doctor_nodes.workers()
    assert not found.is_good
    assert "log shipping has failed since" in found.detail
    assert "it does not finish" in found.detail
    reporter.note_stop()
    assert WorkerNode.objects.get().stopped_at == clocks.now


@pytest.mark.covers("R9", "B11")
def test_jumps_of_the_clock_are_reported_with_their_time_and_size(spool: Path, clocks: Clocks) -> None:
    reporter = clocks.reporter(spool)
    reporter.report()
    clocks.passes(9)
    reporter.report()
    clocks.now += MONTH
    clocks.passes(9)
    reporter.report()
    clocks.now -= MONTH
    clocks.passes(1)
    reporter.report()
    clocks.passes(1)
    clocks.now += timedelta(seconds=0.4)  # as NTP slews it
    reporter.report()
    assert jumps() == [round(MONTH.total_seconds()), round(-MONTH.total_seconds())]
    (found,) = doctor_nodes.clock()
    assert not found.is_good
    host, later = socket.gethostname(), clocks.now + MONTH
    assert f"on {host} it was set forward by 31 days, to {later:%Y-%m-%d}" in found.detail
    assert f"on {host} it was set back by 31 days, to {clocks.now:%Y-%m-%d}" in found.detail


@pytest.mark.covers("R9", "B11")
@pytest.mark.parametrize("is_booted_anew", [False, True])
def test_clock_that_was_set_back_while_no_worker_ran_is_noticed_by_the_next(
    spool: Path, clocks: Clocks, is_booted_anew: bool
) -> None:
    clocks.reporter(spool).report()
    clocks.passes(60)
    clocks.now -= timedelta(hours=3)
    if is_booted_anew:
        clocks.boot = 20.0
        WorkerNode.objects.update(boot_id="another")
    clocks.reporter(spool).report()
    clocks.reporter(spool).report()
    assert jumps() == [-3 * 3600 + (60 if is_booted_anew else 0)]


@pytest.mark.covers("B11")
def test_clock_behind_the_newest_entry_is_reported(spool: Path, cast: Cast, now: datetime) -> None:
    (good,) = doctor_nodes.clock()
    assert good.is_good, good.detail
    later = now + timedelta(days=4)
    create_token(actor=cast.as_alice, account=cast.acme, name="Tomorrow", expires="90d", now=later)
    (found,) = doctor_nodes.clock()
    assert not found.is_good
    assert (
        f"4 days behind the newest entry of the log or the audit trail, of {later:%Y-%m-%d %H:%M:%S} UTC"
        in found.detail
    )


@pytest.mark.covers("R13", "B11")
def test_database_older_than_a_revoke_is_reported_with_the_token(
    spool: Path, cast: Cast, now: datetime, clocks: Clocks, refused_as_revoked: Callable[[Token], None]
) -> None:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Leaked", expires="90d", now=now)
    backup = list(AuditEvent.objects.all())
    token = revoke_token(actor=cast.as_alice, token=token, reason="leaked", now=now)
    reporter = clocks.reporter(spool)
    reporter.report()
    refused_as_revoked(token)
    (good,) = restores.restored()
    assert good.is_good, good.detail
    # As restoring the backup does.
    AuditEvent.objects.exclude(pk__in=[event.pk for event in backup]).delete()
    Token.objects.filter(pk=token.pk).update(revoked_at=None, revoked_by=None)
    for name in ("Later", "Later still"):
        (found,) = restores.restored()
        assert not found.is_good
        assert f"changes until {now:%Y-%m-%d %H:%M:%S} UTC are missing" in found.detail
        assert (
            f"“Leaked” ({token.pk}) was refused as revoked on {now:%Y-%m-%d}, but works again: revoke it"
            in found.detail
        )
        # Still reported after new changes have taken the place of the missing ones.
        clocks.passes(20)
        reporter.report()
        create_token(actor=cast.as_alice, account=cast.acme, name=name, expires="90d", now=now)
        reporter.report()
    revoke_token(actor=cast.as_alice, token=Token.objects.get(pk=token.pk), reason="leaked", now=now)
    (found,) = restores.restored()
    assert "Leaked" not in found.detail


@pytest.fixture
def refused_as_revoked(spool: Path, now: datetime) -> Callable[[Token], None]:
    """Return a function that logs that the gate refused a token as revoked."""

    def refuse(token: Token) -> None:
        account = str(token.account_id)
        record = Record(str(token.pk), account, token.name, bytes(32), now + timedelta(days=9), True, b"", None)
        framed = frame(REVOKED, account=account, record=record, address=parse_address("203.0.113.9"))
        line = decided_line("7" * 32, now.timestamp(), framed, method="GET", target="/")
        (spool / "gate-7.jsonl").write_bytes(line)
        assert Shipper(spool).ship_once() == 1

    return refuse


@pytest.mark.covers("B11")
def test_gate_and_gateway_are_not_wrong_before_their_first_start(spool: Path) -> None:
    (gate,) = processes.gate()
    (gateway,) = processes.gateway()
    assert list(processes.console()) == []
    assert (gate.is_pending, gateway.is_pending) == (True, True)
    assert gate.document()["state"] == "not_started"
