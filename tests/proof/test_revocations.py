"""Tokens are revoked, paused, resumed, and limited more and less while they are used, on both databases."""

from pathlib import Path

import pytest

from revocations import LIMITS, PAUSES, RATES, prove_changes, prove_revocations
from stack import running

REVOCATIONS = 200
CALLS = 200_000


@pytest.mark.timeout(900)
@pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_no_request_that_begins_after_the_revocation_returned_is_accepted(on_postgresql: bool, tmp_path: Path) -> None:
    with running(tmp_path, on_postgresql=on_postgresql) as stack:
        prove_revocations(stack, REVOCATIONS)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_no_request_is_accepted_after_a_pause_or_refused_after_a_resume(on_postgresql: bool, tmp_path: Path) -> None:
    with running(tmp_path, on_postgresql=on_postgresql) as stack:
        print(f"{prove_changes(stack, CALLS, PAUSES):,} calls judged")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_no_request_is_accepted_after_its_limit_was_narrowed(on_postgresql: bool, tmp_path: Path) -> None:
    with running(tmp_path, on_postgresql=on_postgresql) as stack:
        print(f"{prove_changes(stack, CALLS, LIMITS):,} calls judged")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_no_request_is_accepted_after_its_quota_was_lowered(on_postgresql: bool, tmp_path: Path) -> None:
    with running(tmp_path, on_postgresql=on_postgresql) as stack:
        print(f"{prove_changes(stack, CALLS, RATES):,} calls judged")
