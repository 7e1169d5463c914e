"""`simsim apply` brings in 200 accounts of two people in less than ten seconds, by the clock.

`.venv/bin/pytest -s` with its name also prints the times.
"""

import json
import time
from pathlib import Path

import pytest

from declared_accounts import CHANGES_OF_ONE, declared
from own_installation import environment_of, own_database, run_python
from stack import BIN

SIMSIM = str(BIN / "simsim")
ACCOUNTS, MAX_SECONDS = 200, 10.0


@pytest.mark.parametrize("on_postgresql", [False, True], ids=["sqlite", "postgresql"])
def test_two_hundred_accounts_take_less_than_ten_seconds(tmp_path: Path, on_postgresql: bool) -> None:
    environment = environment_of(tmp_path, own_database("apply", on_postgresql=on_postgresql))
    run_python(SIMSIM, "migrate", environment=environment)
    file = tmp_path / "accounts.yaml"
    file.write_text(declared(ACCOUNTS), encoding="utf-8")
    took = []
    for expected in (ACCOUNTS * CHANGES_OF_ONE, 0):
        began = time.monotonic()
        said = run_python(SIMSIM, "apply", str(file), "--json", environment=environment)
        took.append(time.monotonic() - began)
        assert len(json.loads(said)["changes"]) == expected
    print(f"\n{ACCOUNTS} accounts in {took[0]:.1f} s; again, with nothing to change, {took[1]:.1f} s")
    assert took[0] < MAX_SECONDS
