"""Each alert fires when its condition is true in an installation, and ends when it no longer is."""

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from cast import Cast
from prometheus_rules import Story, prove_alerts, rules
from request_lines import SpoolOfTests
from simsim.credential.decision import UNDECIDED, Reason
from simsim.forwarding.lost_events import record_gap
from simsim.forwarding.receiver import read_target
from simsim.gate import disk_reserve
from simsim.gate.counted_refusals import CountedRefusals
from simsim.gate.decision_times import DecisionTimes
from simsim.gate.unwritten_lines import Gap
from simsim.health.exposition import exposition
from simsim.health.serve_state import ServeState
from simsim.health.worker_reports import HealthReporter, Progress
from simsim.mail.models import OwedMail
from simsim.operations.program import Program
from simsim.operations.supervisor import Supervisor
from simsim.request_log.models import Shipment, WorkerNode
from simsim.request_log.ship.shipper import Shipper
from simsim.tokens.actions import create_token

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SLEEPS = (sys.executable, "-S", "-c", "import time; time.sleep(60)")
FAILS = (sys.executable, "-S", "-c", "raise SystemExit(3)")
# Those whose condition needs running processes: test_watched_installation.py.
SHOWN_ELSEWHERE = {"SimsimGateNotReady", "SimsimDatabaseDown"}


@pytest.fixture
def spool(settings: Settings, tmp_path: Path) -> Iterator[SpoolOfTests]:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"data_dir": tmp_path})
    (tmp_path / "spool").mkdir()
    (tmp_path / "run").mkdir()
    writes = SpoolOfTests(tmp_path / "spool")
    yield writes
    writes.close()


def of_the_log(spool: SpoolOfTests, now: datetime) -> Iterator[tuple[str, Story]]:
    """Yield the alerts about what the worker ships."""
    shipper = Shipper(spool.directory, lambda: now)

    def shipped() -> bytes:
        while shipper.ship_once():
            pass
        return exposition(now)

    well = shipped()
    spool.decide(1, at=now - 10 * MINUTE)
    yield "SimsimLogLagging", Story(well, exposition(now), well := shipped())
    spool.decide(2, UNDECIDED, at=now)
    yield "SimsimUndecided", Story(well, unwell := shipped(), unwell)
    well = unwell
    spool.gate.write(Gap(17, now.timestamp() - 9, now.timestamp()).line())
    yield "SimsimLogIncomplete", Story(well, unwell := shipped(), unwell)
    well = unwell
    spool.gate.write(b"no line of ours\n")
    yield "SimsimLinesSetAside", Story(well, unwell := shipped(), unwell)
    well = unwell
    times = DecisionTimes()
    for _ in range(50):
        times.add(now.timestamp(), now.timestamp() + 0.02)
    spool.gate.write(times.report(now.timestamp() + 60) or b"")
    yield "SimsimDecisionsSlow", Story(well, unwell := shipped(), unwell)
    well = unwell
    counted = CountedRefusals()
    for _ in range(100_000):
        counted.add(Reason.THROTTLED, network="203.0.113.9", account="", now=now.timestamp())
    spool.gate.write(counted.line() or b"")
    yield "SimsimFlood", Story(well, unwell := shipped(), unwell)
    yield "SimsimDown", Story(well, None, well)


def of_the_disk(spool: SpoolOfTests, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Story]]:
    assert disk_reserve.keep(spool.directory, size_bytes=4096)
    well = exposition(now)
    disk_reserve.let_go(spool.directory)
    yield "SimsimDiskReserveGone", Story(well, exposition(now), well)
    with monkeypatch.context() as patch:
        size = shutil.disk_usage(spool.directory).total
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(size, size - 2**20, 2**20))
        full = exposition(now)
    yield "SimsimDiskFull", Story(well, full, exposition(now))


def of_the_worker(spool: SpoolOfTests, now: datetime) -> Iterator[tuple[str, Story]]:
    wall, boot, job = [now], [1000.0], Progress()
    reporter = HealthReporter(spool.directory, lambda: [("mail 1", job)], wall=lambda: wall[0], boot=lambda: boot[0])

    def reported(after: timedelta = 20 * timedelta(seconds=1), jump: timedelta = timedelta()) -> bytes:
        wall[0] += after + jump
        boot[0] += after.total_seconds()
        reporter.report()
        return exposition(wall[0])

    well = reported()
    yield "SimsimWorkerSilent", Story(well, exposition(wall[0] + 5 * MINUTE), reported(after=5 * MINUTE))
    job.failing_since, job.error = wall[0], "OSError: no route"
    unwell = reported()
    job.failing_since = None
    yield "SimsimWorkerJobFailing", Story(well, unwell, reported())
    unwell = reported(jump=3 * MINUTE)
    yield "SimsimClockSet", Story(well, unwell, exposition(wall[0] + 2 * DAY))
    WorkerNode.objects.update(change_id=10**6)  # an event that the database no longer has
    unwell = reported()
    yield "SimsimDatabaseRestored", Story(well, unwell, exposition(wall[0] + 31 * DAY))


def of_the_queues(cast: Cast, settings: Settings, now: datetime) -> Iterator[tuple[str, Story]]:
    settings.FORWARD_TARGET = read_target("https://siem.example/in", "whsec_" + "A" * 32, "")
    OwedMail.objects.all().delete()
    create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)
    well, unwell = exposition(now), exposition(now + 20 * MINUTE)
    OwedMail.objects.update(given_up_at=now, last_error="refused")
    yield "SimsimMailStuck", Story(well, unwell, exposition(now + 20 * MINUTE))
    yield "SimsimMailGivenUp", Story(well, exposition(now), exposition(now + 4 * DAY))
    Shipment.objects.create(ids=[1], size=1, queued_at=now, due_at=now)
    unwell = exposition(now + 10 * MINUTE)
    Shipment.objects.all().delete()
    yield "SimsimForwardingLagging", Story(well, unwell, exposition(now + 10 * MINUTE))
    record_gap("request", 5, since=now, until=now, now=now)
    yield "SimsimForwardingLost", Story(well, exposition(now), exposition(now + 4 * DAY))


def of_the_programs(run: Path, now: datetime) -> Iterator[tuple[str, Story]]:
    def served(*command: str, failures: int) -> bytes:
        with (
            ServeState(run, host="::", port=8000) as state,
            Supervisor(lambda _: None, note=state.write).supervising() as supervisor,
        ):
            supervisor.start(Program("gate", command))
            supervisor.wait_until(lambda: supervisor.running[0].failures >= failures, name="gate", seconds=20)
            return exposition(now)

    well = served(*SLEEPS, failures=0)
    yield "SimsimProgramFailing", Story(well, served(*FAILS, failures=2), served(*SLEEPS, failures=0))


@pytest.mark.covers("B21")
def test_each_alert_fires_and_clears(
    cast: Cast,
    spool: SpoolOfTests,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
    tmp_path: Path,
) -> None:
    stories = {
        **dict(of_the_log(spool, now)),
        **dict(of_the_disk(spool, now, monkeypatch)),
        **dict(of_the_worker(spool, now)),
        **dict(of_the_queues(cast, settings, now)),
        **dict(of_the_programs(tmp_path / "run", now)),
    }
    assert set(stories) | SHOWN_ELSEWHERE == set(rules())
    prove_alerts(stories, tmp_path)
