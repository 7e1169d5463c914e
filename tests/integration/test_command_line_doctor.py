"""Each part that can be wrong, found wrong, on the real database."""

from datetime import datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from cast import Cast
from simsim.operations import checking
from simsim.tokens.actions import create_token
from simsim.tokens.keyring import Keyring

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.covers("R11")
def test_key_that_is_missing_is_found_by_the_passwords_that_need_it(
    cast: Cast, now: datetime, settings: Settings
) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)
    (good,) = checking.keys()
    assert good.is_good
    settings.KEYRING = Keyring([b"7" * 32])
    (missing,) = checking.keys()
    assert not missing.is_good
    assert "SIMSIM_TOKEN_KEYS" in missing.says


def test_clock_is_compared_with_the_databases(db: None) -> None:
    (clock,) = checking.clock()
    assert clock.is_good, clock.says


def test_databases_that_are_migrated_are_good(db: None) -> None:
    assert all(finding.is_good for finding in checking.databases())


def test_gateway_without_nginx_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (found,) = checking.gateway()
    assert found.is_good, found.says
    broken = tmp_path / "nginx"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (unusable,) = checking.gateway()
    assert not unusable.is_good
    assert "does not run" in unusable.says


def test_part_that_breaks_in_a_new_way_hides_no_other(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_PORT = "not a port"
    findings = {finding.subject: finding for finding in checking.examine()}
    assert not findings["mail"].is_good
    assert findings["gateway"].is_good
    assert findings["clock"].is_good
