"""The console's pages on a large installation: the response time and the number of queries of each page.

It creates one account with ten thousand active tokens and a log of millions of rows over ninety days in a temporary
directory, starts the real server, and signs a person in. Run it separately with `python -m bench.console`.
"""

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import installation, servers

# Each line is a page to measure, and the most milliseconds that its p95 may take. {account} is the account's id, and
# {token} the id of its most used token.
PAGES = [
    ("active tokens", "/accounts/{account}/tokens/", 100),
    ("active tokens, last page", "/accounts/{account}/tokens/?page=400", 100),
    ("active tokens, searched", "/accounts/{account}/tokens/?q=platform&software=python&attention=unused", 100),
    ("expired and revoked", "/accounts/{account}/tokens/ended/", 100),
    ("one token", "/accounts/{account}/tokens/{token}/", 100),
    ("logs", "/accounts/{account}/logs/", 150),
    ("logs, 30 days and 404", "/accounts/{account}/logs/?range=30d&status=404", 150),
    ("logs, endpoint", "/accounts/{account}/logs/?endpoint=/api/v2/entity-17", 150),
    ("logs, endpoint and 404", "/accounts/{account}/logs/?endpoint=/api/v2/entity-17&status=404", 150),
    ("logs, token and 5xx", "/accounts/{account}/logs/?token={token}&status=5xx", 150),
    ("logs, refused from an address", "/accounts/{account}/logs/?outcome=refused&address=198.51.100.7", 150),
    ("logs, unknown address", "/accounts/{account}/logs/?address=203.0.113.200&token={token}", 150),
    ("logs, software and class", "/accounts/{account}/logs/?software=python&status=4xx", 150),
    ("usage, 24 hours", "/accounts/{account}/usage/?range=24h", 150),
    ("usage, 90 days by endpoint", "/accounts/{account}/usage/?range=90d&by=endpoint", 150),
    ("usage, 90 days by software", "/accounts/{account}/usage/?range=90d&by=software", 150),
]
# This limit is for the pages about tokens. The other pages have a time limit, and may make any number of queries.
MAX_QUERIES, BOUND_BY_QUERIES = 12, 100
WARM_UP = 5
TESTS = Path(__file__).parents[1] / "tests"


@dataclass(frozen=True)
class Measured:
    """One page: milliseconds until its last byte arrived, bytes of its HTML, and queries to all databases."""

    page: str
    most: float
    shortest: float
    p50: float
    p95: float
    longest: float
    bytes: int
    queries: int

    @property
    def is_reached(self) -> bool:
        return self.p95 <= self.most and (self.queries <= MAX_QUERIES or self.most > BOUND_BY_QUERIES)


def measure(data: Path, size: installation.Size, fetches: int, database_url: str) -> list[Measured]:
    """Create the installation, serve it, and return the figures of each page."""
    port = servers.free_port()
    settings = installation.environment(data, port, database_url)
    installation.start_django(settings)
    made = asdict(installation.make(size, progress))
    cookie, queries = signed_in_and_counted([path.format(**made) for _, path, _ in PAGES])
    simsim = str(Path(sys.executable).with_name("simsim"))
    measured = []
    with servers.running([simsim, "serve", "--port", str(port), "--no-worker"], ready=port, variables=settings):
        for (page, path, most), count in zip(PAGES, queries, strict=True):
            spent, received = fetch(port, path.format(**made), cookie, fetches)
            p50, p95 = statistics.median(spent), statistics.quantiles(spent, n=20)[-1]
            measured.append(Measured(page, most, min(spent), p50, p95, max(spent), received, count))
            progress(f"{page}: fetched {fetches} times")
    return measured


def signed_in_and_counted(paths: list[str]) -> tuple[str, list[int]]:
    """Sign the administrator in.

    Return the session's cookie, which the server accepts too, and the queries of each page.
    """
    from django.conf import settings
    from django.db import connections
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from simsim.accounts.models import User

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(email=installation.PERSON))
    counts = []
    for path in paths:
        client.get(path)
        with ExitStack() as stack:
            captured = [stack.enter_context(CaptureQueriesContext(connection)) for connection in connections.all()]
            answer = client.get(path)
            if answer.status_code != 200:
                raise RuntimeError(f"{path}: expected the page, got {answer.status_code}")
        counts.append(sum(len(each) for each in captured))
    connections.close_all()
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}", counts


def fetch(port: int, path: str, cookie: str, fetches: int) -> tuple[list[float], int]:
    """Return the milliseconds of each fetch, one after the other over one connection, and the bytes of the last."""
    connection, spent, received = http.client.HTTPConnection("localhost", port, timeout=60), [], 0
    for _ in range(WARM_UP + fetches):
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        received = len(answer.read())
        spent.append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{path}: expected the page, got {answer.status}")
    connection.close()
    return spent[WARM_UP:], received


def scratch_postgresql() -> str:
    """Return the URL of an empty database on the tests' own PostgreSQL server, which stops with this process."""
    sys.path.insert(0, str(TESTS))
    import postgresql_server

    return postgresql_server.create_database("bench")


def progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def print_table(measured: list[Measured], title: str) -> None:
    table = Table(
        "page", "at most ms", "shortest ms", "p50 ms", "p95 ms", "longest ms", "kB", "queries", "", title=title
    )
    for each in measured:
        times = (f"{value:.1f}" for value in (each.shortest, each.p50, each.p95, each.longest))
        verdict = "ok" if each.is_reached else "MISSED"
        table.add_row(each.page, f"{each.most:g}", *times, f"{each.bytes / 1000:.0f}", str(each.queries), verdict)
    # Everything else that runs on the machine affects the times, so on a busy machine they say nothing about the pages.
    busy = f"load of this machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    table.caption = f"queries of the tokens' pages ≤ {MAX_QUERIES}; {busy}"
    Console(width=130).print(table)


def main() -> int:
    """Print the table, or JSON; return 1 if a figure misses its limit."""
    parser = argparse.ArgumentParser(prog="bench.console", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows in the log")
    parser.add_argument("--tokens", type=int, default=10_000, help="active tokens of the account")
    parser.add_argument("--fetches", type=int, default=200, help="how often each page is fetched")
    parser.add_argument("--postgresql", nargs="?", const="scratch", default="", metavar="URL",
                        help="an empty database to fill; without a URL, one on a temporary server")  # fmt: skip
    chosen = parser.parse_args()
    url = scratch_postgresql() if chosen.postgresql == "scratch" else chosen.postgresql
    size = installation.Size(active_tokens=chosen.tokens, ended_tokens=chosen.tokens // 5, rows=chosen.rows)
    with tempfile.TemporaryDirectory(prefix="simsim-bench-") as scratch:
        measured = measure(Path(scratch), size, chosen.fetches, url)
    if chosen.json:
        print(json.dumps([asdict(each) | {"reached": each.is_reached} for each in measured], indent=2))
    else:
        database = "PostgreSQL" if url else "SQLite"
        print_table(
            measured, f"The console on {database}: {chosen.tokens:,} active tokens, {chosen.rows:,} logged requests"
        )
    return 0 if all(each.is_reached for each in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
