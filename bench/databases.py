"""Measures the gate on PostgreSQL beside the gate on SQLite and a no-op, while tokens change and while they don't.

Run it separately with `python -m bench.databases`. PostgreSQL has no core of its own: it runs where there is room.
"""

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from bench import servers, tokens
from bench.console import scratch_postgresql
from bench.installation import environment
from bench.load import Target, compare, target
from simsim.credential.digest import digest

GATE, ALONE, NOOP = "simsim.config.rsgi:application", "bench.look_for_each:application", "bench.noop:application"
CHANGES_A_SECOND = (10, 100)
COLUMNS = (
    "id, account_id, name, description, expires_at, allowed_networks, allowlist, digest, sealed_password, created_at,"
    " created_by_label, revoked_by_label, revocation_reason"
)


def copy_tokens(data: Path, url: str) -> None:
    """Migrate the empty PostgreSQL database, and copy accounts and tokens to it from the SQLite database in `data`."""
    simsim = Path(sys.executable).with_name("simsim")
    settings = environment(data.with_name("postgresql"), 8000, url)
    subprocess.run([simsim, "migrate"], env=settings, check=True, stdout=subprocess.DEVNULL)
    with sqlite3.connect(data / "simsim.sqlite3") as ours, psycopg.connect(url) as theirs:
        for table, columns in (("accounts_account", "id, name, created_at"), ("tokens_token", COLUMNS)):
            with theirs.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in ours.execute(f"SELECT {columns} FROM {table}"):
                    copy.write_row(row)
    with psycopg.connect(url, autocommit=True) as theirs:
        theirs.execute("VACUUM ANALYZE")


@contextlib.contextmanager
def changes(url: str, known: list[tokens.Credential], a_second: int) -> Iterator[list[float]]:
    """Change so many tokens each second during the block, each in a transaction of its own.

    Gives the seconds that each change took.
    """
    ended, took = threading.Event(), list[float]()

    def change() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            began = time.monotonic()
            for number in range(sys.maxsize):
                if ended.wait(max(0.0, began + number / a_second - time.monotonic())):
                    return
                _, password = random.choice(known)
                sent = time.monotonic()
                connection.execute(
                    "UPDATE tokens_token SET name = %s WHERE digest = %s", (str(number), digest(password))
                )
                took.append(time.monotonic() - sent)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield took
    finally:
        ended.set()
        thread.join()


def measure(
    data: Path, known: list[tokens.Credential], scratch: Path
) -> Iterator[tuple[str, list[float], list[float]]]:
    """Yield each comparison's name, and the rates of both sides in each round. `data` has the tokens in SQLite."""
    url = scratch_postgresql()
    copy_tokens(data, url)
    noop, sqlite, shared, alone = (servers.free_port() for _ in range(4))
    theirs = environment(data.with_name("postgresql"), 8000, url)
    with (
        servers.granian(NOOP, noop, data), servers.granian(GATE, sqlite, data),
        servers.granian(GATE, shared, data, theirs), servers.granian(ALONE, alone, data, theirs),
    ):  # fmt: skip

        def aim(name: str, port: int) -> Target:
            return target(name, f"http://127.0.0.1:{port}/gate/verify", known, scratch)

        ours, on_sqlite = aim("gate-postgresql", shared), aim("gate-sqlite", sqlite)
        each, nothing = aim("gate-postgresql-a-look-for-each", alone), aim("no-op-beside-both", noop)
        quiet = lambda _: None  # noqa: E731
        pairs = [
            ("gate on PostgreSQL : no-op", ours, nothing),
            ("gate on PostgreSQL : gate on SQLite", ours, on_sqlite),
        ]
        for name, one, other in [*pairs, ("shared look : a look for each request", ours, each)]:
            compared = compare(one, other, quiet)
            yield name, compared.ours, compared.theirs
        for number in CHANGES_A_SECOND:
            with changes(url, known, number) as took:
                compared = compare(ours, nothing, quiet)
            yield f"gate on PostgreSQL, {number} changes a second : no-op", compared.ours, compared.theirs
            yield f"ms of a change at {number} a second, p50 : p99", *percentiles(took)
        compared = compare(ours, each, quiet, connections=1)
        yield "one connection, shared look : a look for each request", compared.ours, compared.theirs


def percentiles(took: list[float]) -> tuple[list[float], list[float]]:
    ordered = sorted(took)
    return [ordered[len(ordered) // 2] * 1000], [ordered[len(ordered) * 99 // 100] * 1000]


def main() -> int:
    """Print the comparisons, and the load of the machine."""
    import tempfile

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="simsim-bench-") as scratch:
        data = Path(scratch) / "sqlite"
        data.mkdir()
        known = tokens.fill(data, count)
        print(f"{count:,} tokens; load of this machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        for name, ours, theirs in measure(data, known, Path(scratch)):
            ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
            mean = [sum(rates) / len(rates) for rates in (ours, theirs)]
            said = f"{ratios[len(ratios) // 2]:.2f} ({mean[0]:,.1f} : {mean[1]:,.1f})"
            print(f"{name}: {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
