"""Measures a verdict without a server: microseconds from the request's headers to the answer, log line included."""

import base64
import statistics
import time
from pathlib import Path

from bench.tokens import Credential
from simsim.credential import allowlist
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import Spool

CALLS = 20_000


def median_micros(data: Path, spool: Path, credentials: list[Credential]) -> tuple[float, float]:
    """Return the median of CALLS calls that use the credentials in turn, and the median of the first call with each.

    The first call reads the token's row; the others need not, until something is committed.
    """
    trusted = allowlist.parse_network("10.0.0.0/8")
    assert not isinstance(trusted, allowlist.Fault)
    gate = Gate(SqliteLookup(data / "simsim.sqlite3"), Spool(spool), trusted=allowlist.pack([trusted]))
    values = [b"Basic " + base64.b64encode(":".join(pair).encode()) for pair in credentials]
    requests = [Request("10.0.0.1", "GET", VERIFY, [value], ["127.0.0.1"], "0123456789abcdef" * 2) for value in values]
    spent = []
    for number in range(CALLS):
        request = requests[number % len(requests)]
        began = time.perf_counter_ns()
        answer = gate.verify(request)
        spent.append(time.perf_counter_ns() - began)
        if answer.status != 204:
            raise RuntimeError(f"expected an acceptance, got {answer.status}")
    gate.close()
    return statistics.median(spent) / 1000, statistics.median(spent[: len(requests)]) / 1000
