"""Four gates at full speed let in exactly a token's quota of 100,000, while another token notices nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from gate_database import Database

pytestmark = pytest.mark.covers("B17")
QUOTA, GATES, EACH, OTHERS = 100_000, 4, 40_000, 2_000
ASK = """
import sys
from pathlib import Path
from gate_database import basic
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.counters import Counters
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import Spool
directory, flooding, other, each, others = Path(sys.argv[1]), *sys.argv[2:4], int(sys.argv[4]), int(sys.argv[5])
gate = Gate(
    SqliteLookup(directory / "simsim.sqlite3"), Spool(directory / "spool"), clock=lambda: 1_790_000_000.0,
    counters=Counters(directory / "counters"),
)
def asked(password):
    return Request("", "GET", VERIFY, [basic(password)], ["203.0.113.9"], "0" * 32, "GET", "/", is_named=True)
flood, quiet, passed = asked(flooding), asked(other), [0, 0]
sys.stdin.readline()
for number in range(each):
    passed[0] += gate.verify(flood).status == 204
    if number % (each // others) == 0:
        passed[1] += gate.verify(quiet).status == 204
gate.close()
print(*passed)
"""


def passed(directory: Path, *, quota: int, each: int, others: int) -> tuple[int, int]:
    """Return how many requests of a flooding token and of another one passed, at four gates together."""
    (directory / "spool").mkdir()
    database = Database(directory / "simsim.sqlite3")
    flooding, other = database.add(rates=(f"{quota}/day",)), database.add(rates=(f"{GATES * others}/day",))
    arguments = [sys.executable, "-c", ASK, str(directory), flooding, other, str(each), str(others)]
    running = [
        subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        )
        for _ in range(GATES)
    ]
    told = [process.communicate("go\n")[0].split() for process in running]
    database.close()
    return sum(int(flood) for flood, _ in told), sum(int(quiet) for _, quiet in told)


@pytest.mark.timeout(900)
def test_quota_of_a_hundred_thousand_is_exact(tmp_path: Path) -> None:
    flood, quiet = passed(tmp_path, quota=QUOTA, each=EACH, others=OTHERS)
    print(f"{flood} of {GATES * EACH} passed with a quota of {QUOTA}; of the other token {quiet} of {GATES * OTHERS}")
    assert flood == QUOTA
    assert quiet == GATES * OTHERS
