"""Measures log shipping: how many rows per second move from a spool into the log, including all counts, and how far
behind the log is.

Run it separately with `python -m bench.shipping`.

It writes a spool as a gate and a gateway would, with half a million requests of one account: 200 tokens used from three
addresses each, 400 endpoints, and one request in twenty refused. Then the worker's own shipper runs, one for each node
(one on SQLite, two on PostgreSQL), until nothing is left.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import installation
from bench.console import progress, scratch_postgresql
from simsim.credential.allowlist import parse_address
from simsim.credential.decision import ADDRESS_NOT_ALLOWED, OK, Record
from simsim.gate.decided_line import decided_line, frame

REQUESTS = 500_000
TOKENS, ENDPOINTS, ADDRESSES = 200, 400, 300
A_SECOND = 500
LEAST = {"SQLite": 20_000, "PostgreSQL": 50_000}
FILE_REQUESTS = 50_000
FIRST, VISIBLE_SECONDS, WARM_UP_SECONDS, MAX_BEHIND_SECONDS = 10_000_000, 15.0, 3.0, 1.0


def write_spool(spool: Path, requests: int, *, first: int) -> None:
    """Write both lines of each request, numbered from `first`, into finished files."""
    spool.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC) - timedelta(seconds=(first + requests) / A_SECOND)
    for start in range(first, first + requests, FILE_REQUESTS):
        pairs = list(lines(start, min(start + FILE_REQUESTS, first + requests), began))
        name = f"{start:020d}"
        (spool / f"gate-{name}.jsonl").write_bytes(b"".join(pair[0] for pair in pairs))
        (spool / f"gateway-{name}.jsonl").write_bytes(b"".join(pair[1] for pair in pairs))


def lines(first: int, last: int, began: datetime) -> Iterator[tuple[bytes, bytes]]:
    """Yield a decided and a completed line for each of the requests."""
    account = str(uuid.UUID(int=1 << 64))
    expires_at = began + timedelta(days=365)
    records = [
        Record(str(uuid.UUID(int=n + 1)), account, f"Job {n} of the platform", bytes(32), expires_at, False, b"", None)
        for n in range(TOKENS)
    ]
    addresses = [parse_address(f"198.51.{n // 250}.{n % 250}") for n in range(ADDRESSES)]
    for n in range(first, last):
        at, token = began + timedelta(seconds=n / A_SECOND), n * n % TOKENS
        address = addresses[(token * 3 + n % 3) % ADDRESSES]
        path, request_id = f"/api/v2/entities/{n * 13 % ENDPOINTS}/values", f"{n:032x}"
        decision, status = (ADDRESS_NOT_ALLOWED, 401) if n % 20 == 0 else (OK, 404 if n % 50 == 1 else 200)
        framed = frame(decision, account=account, record=records[token], address=address)
        decided = decided_line(request_id, at.timestamp(), framed, method="GET", target=path)
        assert address is not None
        end = (
            f'{{"id":"{request_id}","at":{at.timestamp() + 0.02:.3f},"seconds":{n % 97 / 1000:.3f},"status":{status},'
            f'"bytes":{200 + n % 5000},"method":"GET","path":"{path}","address":"{address.text}"}}\n'
        )
        yield decided, end.encode()


def rate(data: Path, requests: int, database_url: str, nodes: int) -> float:
    """Return how many rows per second `nodes` shippers store together, each from its own, finished spool."""
    installation.start_django(installation.environment(data, 8000, database_url))
    from simsim.operations import migrate
    from simsim.request_log.models import LoggedRequest

    migrate.migrate()
    start = data / "start"
    command = [sys.executable, "-m", "bench.shipping", "--requests", str(requests), "--postgresql", database_url]
    shippers = [
        subprocess.Popen([*command, "--node", str(nth), str(data)], stdout=subprocess.PIPE, text=True)
        for nth in range(nodes)
    ]
    for shipper in shippers:
        assert shipper.stdout is not None
        shipper.stdout.readline()
    progress(f"{requests:,} requests written by each of {nodes}")
    start.touch()
    spent = max(float(shipper.communicate()[0]) for shipper in shippers)
    if LoggedRequest.objects.count() != requests * nodes:
        raise RuntimeError(f"expected {requests * nodes:,} rows, got {LoggedRequest.objects.count():,}")
    return requests * nodes / spent


def ship_as_node(nth: int, data: Path, requests: int, database_url: str) -> None:
    """Write a spool, wait until all are written, ship it, and print how many seconds that took."""
    installation.start_django(installation.environment(data, 8000, database_url))
    from simsim.request_log.ship.shipper import Shipper

    spool = data / "spool" if nth == 0 else data / f"spool-{nth}"
    write_spool(spool, requests, first=nth * requests)
    print("written", flush=True)
    while not (data / "start").exists():
        time.sleep(0.01)
    shipper = Shipper(spool)
    began = time.perf_counter()
    while shipper.ship_once():
        pass
    print(time.perf_counter() - began)


def delays(data: Path, database_url: str) -> list[float]:
    """Return how many seconds the log was behind the spool at each check, at A_SECOND requests per second.

    A separate worker ships, as in `simsim serve`. Call this after `rate`, in the same process and on the same
    installation.
    """
    from simsim.gate.spool import Spool
    from simsim.request_log.search.filters import LogFilters
    from simsim.request_log.search.selectors import list_requests

    account = uuid.UUID(int=1 << 64)
    (data / "spool" / "gateway.jsonl").touch()
    gate, ends = Spool(data / "spool"), (data / "spool" / "gateway.jsonl").open("ab", buffering=0)
    settings = installation.environment(data, 8000, database_url)
    simsim = str(Path(sys.executable).with_name("simsim"))
    behind: list[float] = []
    with subprocess.Popen([simsim, "worker"], env=settings) as worker, contextlib.ExitStack() as stack:
        stack.callback(worker.terminate)
        began, written = time.time(), 0
        while (now := time.time()) < began + VISIBLE_SECONDS:
            due = int((now - began) * A_SECOND)
            start = datetime.now(UTC) - timedelta(seconds=(FIRST + due) / A_SECOND)
            for decided, ended in lines(FIRST + written, FIRST + due, start):
                gate.append(decided)
                ends.write(ended)
            written = max(written, due)
            newest = list_requests(LogFilters(account), 1).items
            if newest and now > began + WARM_UP_SECONDS:
                behind.append(time.time() - newest[0].received_at.timestamp())
            time.sleep(0.02)
    gate.close()
    ends.close()
    return behind


def main() -> int:
    """Print the rate, or JSON; return 1 if it misses its limit."""
    parser = argparse.ArgumentParser(prog="bench.shipping", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="how many requests the spool holds")
    parser.add_argument("--postgresql", nargs="?", const="scratch", default="", metavar="URL",
                        help="an empty database to fill; without a URL, one on a temporary server")  # fmt: skip
    parser.add_argument("--nodes", type=int, help="how many nodes ship at once: one into SQLite, two into PostgreSQL")
    parser.add_argument("--node", nargs=2, metavar=("NTH", "DATA"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.node:
        ship_as_node(int(chosen.node[0]), Path(chosen.node[1]), chosen.requests, chosen.postgresql)
        return 0
    url = scratch_postgresql() if chosen.postgresql == "scratch" else chosen.postgresql
    database = "PostgreSQL" if url else "SQLite"
    with tempfile.TemporaryDirectory(prefix="simsim-bench-") as scratch:
        nodes = chosen.nodes or (2 if url else 1)
        measured = rate(Path(scratch), chosen.requests, url, nodes)
        behind = max(delays(Path(scratch), url))
    reached = measured >= LEAST[database] and behind <= MAX_BEHIND_SECONDS
    if chosen.json:
        figures = {"database": database, "rows_a_second": round(measured), "behind_seconds": round(behind, 3)}
        print(json.dumps(figures | {"reached": reached}))
    else:
        busy = f"load of this machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        print(f"{measured:,.0f} rows a second by {nodes} into {database} (≥ {LEAST[database]:,}; {busy})")
        print(f"at {A_SECOND} requests a second the log is {behind:.2f} s behind at most (≤ {MAX_BEHIND_SECONDS:g} s)")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
