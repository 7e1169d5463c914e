"""`simsim apply` brings in 200 accounts of two people in less than ten seconds, by the clock.

`.venv/bin/pytest -s` with its name also prints the times.
"""

import json
import sys
import time
from pathlib import Path

import pytest

from own_installation import environment_of, own_database, run_python

CUSTOMER = """\
- name: Customer #
  external_id: crm-#
  people:
  - {email: alice@customer-#.example, role: administrator}
  - {email: bob@customer-#.example, role: member}
  notices:
    as: alice@customer-#.example
    token_expired: administrators
    early_days: [14]
"""
SIMSIM = str(Path(sys.executable).with_name("simsim"))
ACCOUNTS, MAX_SECONDS = 200, 10.0


@pytest.mark.parametrize("on_postgresql", [False, True], ids=["sqlite", "postgresql"])
def test_two_hundred_accounts_take_less_than_ten_seconds(tmp_path: Path, on_postgresql: bool) -> None:
    environment = environment_of(tmp_path, own_database("apply", on_postgresql=on_postgresql))
    run_python(SIMSIM, "migrate", environment=environment)
    file = tmp_path / "accounts.yaml"
    file.write_text("accounts:\n" + "".join(CUSTOMER.replace("#", str(n)) for n in range(ACCOUNTS)), encoding="utf-8")
    took = []
    for expected in (5 * ACCOUNTS, 0):
        began = time.monotonic()
        said = run_python(SIMSIM, "apply", str(file), "--json", environment=environment)
        took.append(time.monotonic() - began)
        assert len(json.loads(said)["changes"]) == expected
    print(f"\n{ACCOUNTS} accounts in {took[0]:.1f} s; again, with nothing to change, {took[1]:.1f} s")
    assert took[0] < MAX_SECONDS
