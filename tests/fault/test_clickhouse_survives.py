"""A worker killed at any point of its way to ClickHouse: each request is found there once, and counted once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import settings_for_tests
from own_installation import DJANGO, environment_of, own_database, run_python
from request_lines import SpoolOfTests
from simsim.credential.decision import EXPIRED, OK
from simsim.request_log.clickhouse import server
from simsim.request_log.clickhouse.server import ClickHouse
from simsim.request_log.clickhouse.table import TABLE

HERE = Path(__file__).parent
REQUESTS = 60
POINTS = [
    "in the transaction", "after the transaction", "during the insertion", "after the insertion",
    "after an insertion that is forgotten",
]  # fmt: skip
WHAT_IS_STORED = """
import json, django
django.setup()
from django.db.models import Sum
from simsim.request_log.models import OpenRequest, OwedBatch, UsageCount
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import list_requests
rows = list_requests(LogFilters(None), limit=1000).items
counted = UsageCount.objects.filter(hours=1, kind="status").values_list("value")
print(json.dumps({
    "rows": [[row.resource, row.status, row.outcome, row.bytes] for row in rows],
    "counts": dict(counted.annotate(Sum("accepted"), Sum("refused")).values_list("value", "accepted__sum")),
    "refused": UsageCount.objects.filter(hours=1, kind="all").aggregate(Sum("refused"))["refused__sum"],
    "owed": OwedBatch.objects.count(), "open": OpenRequest.objects.count(),
}))
"""


class Installation:
    """A spool, a database for the bookkeeping, and ClickHouse for the rows."""

    def __init__(self, directory: Path, home: ClickHouse) -> None:
        (directory / "spool").mkdir()
        self.spool = SpoolOfTests(directory / "spool")
        url = own_database("fault", on_postgresql=settings_for_tests.ON_POSTGRESQL)
        rows = f"clickhouse://{home.user}@{home.host}:{home.port}/{home.database}?secure=false"
        self.environment = environment_of(directory, url) | DJANGO | {"SIMSIM_LOG_DATABASE_URL": rows}
        if not url:
            (directory / "request_log.sqlite3").touch()
        alias = "default" if url else "request_log"
        migrate = ["django", "migrate", "request_log", "--database", alias, "-v0", "--skip-checks"]
        run_python("-m", *migrate, environment=self.environment)

    def ship(self, point: str) -> int:
        """Run a worker that dies at the point; return its exit status."""
        command = [sys.executable, str(HERE / "killed_shipping.py"), str(self.spool.directory), point]
        return subprocess.run(command, env=self.environment, check=False, timeout=60).returncode

    def stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = json.loads(run_python("-c", WHAT_IS_STORED, environment=self.environment))
        return stored


@pytest.fixture
def installation(tmp_path: Path, clickhouse: ClickHouse) -> Iterator[Installation]:
    made = Installation(tmp_path, clickhouse)
    yield made
    made.spool.close()


def expected_row(number: int) -> list[Any]:
    if number % 10 == 7:
        return [f"/r/{number}", 401, "refused", 7]
    return [f"/r/{number}", None, "unknown", None] if number % 10 == 9 else [f"/r/{number}", 200, "accepted", 7]


@pytest.mark.any_database
@pytest.mark.covers("R17", "B11")
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_on_the_way_to_clickhouse_neither_loses_nor_doubles_a_request(
    installation: Installation, point: str
) -> None:
    server.order(f"SYSTEM STOP MERGES {TABLE}")  # or ClickHouse might hide for us what is there twice
    spool = installation.spool
    for number in range(REQUESTS):
        spool.decide(number, EXPIRED if number % 10 == 7 else OK)
        if number % 2 == 0:
            spool.complete(number)
    assert installation.ship(point) == -9
    assert installation.ship(point) == -9
    for number in range(REQUESTS):
        if number % 2 and number % 10 != 9:  # ends of requests that are stored, or still owed, without an end
            spool.complete(number, status=401 if number % 10 == 7 else 200)
    assert installation.ship("never") == 0
    for number in range(REQUESTS, REQUESTS + 20):
        spool.decide(number, EXPIRED if number % 10 == 7 else OK)
        if number % 10 != 9:
            spool.complete(number, status=401 if number % 10 == 7 else 200)
    assert installation.ship(point) == -9
    assert installation.ship("never") == 0

    stored = installation.stored()
    total = REQUESTS + 20
    assert sorted(stored["rows"]) == sorted(expected_row(number) for number in range(total))
    assert stored["counts"] == {"200": total - total // 5, "401": 0, "": total // 10}
    assert (stored["refused"], stored["owed"], stored["open"]) == (total // 10, 0, total // 10)
    if point == "after an insertion that is forgotten":
        ((versions, rows),) = server.ask(f"SELECT count(), uniqExact(id, batch, version) FROM {TABLE}")
        assert versions > rows, "the block was really stored twice"


@pytest.mark.any_database
@pytest.mark.covers("R17")
def test_lines_wait_in_the_spool_while_clickhouse_is_away(installation: Installation) -> None:
    here = installation.environment["SIMSIM_LOG_DATABASE_URL"]
    installation.environment["SIMSIM_LOG_DATABASE_URL"] = "clickhouse://default@127.0.0.1:9/default?secure=false"
    for number in range(30):
        installation.spool.decide(number)
        installation.spool.complete(number)
        if number % 10 == 9:
            assert installation.ship("never") == 1
    installation.environment["SIMSIM_LOG_DATABASE_URL"] = here
    assert installation.ship("never") == 0
    stored = installation.stored()
    assert sorted(stored["rows"]) == sorted([f"/r/{number}", 200, "accepted", 7] for number in range(30))
    assert stored["counts"] == {"200": 30}
