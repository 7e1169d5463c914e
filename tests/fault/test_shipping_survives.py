"""Real writers, real rotation, a worker killed at random times: each request is in the log once, and complete."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import settings_for_tests
from own_installation import DJANGO, environment_of, own_database

ON_POSTGRESQL = os.environ.get("SIMSIM_TEST_DATABASE") == "postgresql"
HERE = Path(__file__).parent
FLOOD_REQUESTS = settings_for_tests.REQUESTS
REQUESTS, WRITERS, SECONDS, KILLS = 10_000, 4, 10.0, 10
ROWS = """
    SELECT resource, outcome, status, reason, duration_seconds, bytes, account_id IS NOT NULL
    FROM request_log_loggedrequest
"""


class Installation:
    """A data directory and a database of its own, and the processes that work on them."""

    def __init__(self, directory: Path, *, with_caddy: bool = False) -> None:
        self.spool = directory / "spool"
        self.access_log = directory / "access.json" if with_caddy else None
        self.rotated: list[Path] = []
        self.limit = directory / "limit"
        self.permit(REQUESTS)
        self.spool.mkdir()
        self.database = directory / "request_log.sqlite3"
        self.url = own_database("fault", on_postgresql=ON_POSTGRESQL)
        self.environment = environment_of(directory, self.url) | DJANGO
        if not ON_POSTGRESQL:
            self.database.touch()
        alias = "default" if ON_POSTGRESQL else "request_log"
        migrate = ["django", "migrate", "request_log", "--database", alias, "-v0", "--skip-checks"]
        subprocess.run([sys.executable, "-m", *migrate], env=self.environment, check=True, timeout=60)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        if ON_POSTGRESQL:
            with psycopg.connect(self.url) as connection:
                return connection.execute(sql.encode()).fetchall()
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def count(self) -> int:
        ((number,),) = self.query("SELECT count(*) FROM request_log_loggedrequest")
        return int(number)

    def wait_until_it_gets_on(self, before: int) -> None:
        """Return once more rows are stored than before, so that a kill strikes in the middle of work."""
        deadline = time.monotonic() + 60
        while self.count() <= before:
            assert time.monotonic() < deadline, "the worker stores nothing"
            time.sleep(0.01)

    def permit(self, requests: int) -> None:
        """Let the writers write this many requests, and then wait."""
        new = self.limit.with_suffix(".new")
        new.write_text(str(requests // WRITERS))
        new.rename(self.limit)

    def start_worker(self) -> "subprocess.Popen[bytes]":
        command: list[str | Path] = [sys.executable, HERE / "shipping_process.py", self.spool]
        if self.access_log:
            command.append(f"caddy:all:{self.access_log}")
        worker = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )  # fmt: skip
        assert worker.stdout
        assert worker.stdout.readline() == b"ready\n"
        return worker

    def ship_the_rest(self) -> None:
        """Run a worker until everything is shipped."""
        worker = self.start_worker()
        worker.communicate(timeout=600)
        assert worker.returncode == 0

    @contextlib.contextmanager
    def writing(self) -> "Iterator[list[subprocess.Popen[bytes]]]":
        share = REQUESTS // WRITERS
        access_log = [self.access_log] if self.access_log else []
        writers = [
            subprocess.Popen(
                [
                    sys.executable,
                    HERE / "writing_process.py",
                    self.spool,
                    str(nth * share),
                    str(share),
                    str(SECONDS),
                    self.limit,
                    *access_log,
                ],
                env=self.environment,
                # A writer that is slow to start must not die of being told to reopen a log that it has not opened yet.
                preexec_fn=lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),  # noqa: PLW1509 - no threads run here
            )
            for nth in range(WRITERS)
        ]
        try:
            yield writers
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()

    def rotate(self, nth: int, writers: "list[subprocess.Popen[bytes]]") -> None:
        with contextlib.suppress(FileNotFoundError):
            if self.access_log:
                self.rotated.append(self.access_log.rename(self.access_log.with_name(f"access.json.{nth:06}")))
            else:
                (self.spool / "gateway.jsonl").rename(self.spool / f"gateway-{nth:06}.jsonl")
        for writer in writers:
            if writer.poll() is None:
                writer.send_signal(signal.SIGUSR1)


@pytest.fixture
def installation(tmp_path: Path, request: pytest.FixtureRequest) -> Installation:
    return Installation(tmp_path, with_caddy=getattr(request, "param", "nginx") == "caddy")


def kill(worker: "subprocess.Popen[bytes]") -> None:
    worker.kill()
    worker.communicate()


def expected_row(number: int) -> tuple[Any, ...]:
    path = f"/r/{number}"
    match number % 10:
        case 7:
            return path, "refused", 401, "expired", 0.125, 7, True
        case 8:
            return path, "refused", 503, "unavailable", 0.125, 7, False
        case 9:
            return path, "unknown", None, "ok", None, None, True
    return path, "accepted", 200, "ok", 0.125, 7, True


@pytest.mark.covers("R17")
@pytest.mark.covers("B11")
@pytest.mark.parametrize("installation", ["nginx", "caddy"], indirect=True)
def test_ten_thousand_requests_and_ten_kills_make_ten_thousand_whole_rows(installation: Installation) -> None:
    struck = []
    installation.permit(0)
    with installation.writing() as writers:
        for nth in range(KILLS):
            # However quick the writers and slow the workers: each kill strikes while there is something to do.
            installation.permit(REQUESTS * (nth + 3) // (KILLS + 3))
            before = installation.count()
            worker = installation.start_worker()
            if nth % 2:  # the others may be killed before they have stored anything
                installation.wait_until_it_gets_on(before)
            time.sleep(random.uniform(0, 0.4))
            installation.rotate(nth, writers)
            time.sleep(random.uniform(0, 0.1))
            kill(worker)
            struck.append(installation.count())
        installation.permit(REQUESTS)
        assert [writer.wait(timeout=60) for writer in writers] == [0] * WRITERS
    assert 0 < struck[-1] < REQUESTS
    installation.ship_the_rest()

    rows = installation.query(ROWS)
    assert len(rows) == REQUESTS
    assert set(rows) == {expected_row(number) for number in range(REQUESTS)}
    assert installation.query("SELECT count(*) FROM request_log_openrequest") == [(REQUESTS // 10,)]
    assert installation.query("SELECT count(*) FROM request_log_setasideline") == [(0,)]
    assert all(path.exists() for path in installation.rotated), "what is another's is never deleted"
    left = {path.name for path in installation.spool.iterdir()}
    assert left <= {"gateway.jsonl", ".shipping"}


@pytest.mark.covers("R17")
def test_a_backlog_shipped_by_two_workers_at_once_is_shipped_once(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "SECONDS", 0.5)
    with installation.writing() as writers:
        assert [writer.wait(timeout=60) for writer in writers] == [0] * WRITERS
    workers = [installation.start_worker() for _ in range(2)]
    for worker in workers:
        time.sleep(0.05)
        kill(worker)
    workers = [installation.start_worker() for _ in range(2)]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    installation.ship_the_rest()
    rows = installation.query(ROWS)
    assert len(rows) == REQUESTS
    assert set(rows) == {expected_row(number) for number in range(REQUESTS)}


@pytest.mark.covers("R17")
@pytest.mark.timeout(900)
def test_many_requests_kills_and_files_store_each_good_line_once(installation: Installation) -> None:
    # The whole of it, a million requests in files of 50,000 lines and 50 kills, takes minutes:
    # SIMSIM_TEST_REQUESTS=1000000 make test
    requests = int(FLOOD_REQUESTS or 100_000)
    kills, file_lines, broken = 50 if requests >= 1_000_000 else 15, requests // 20, 100
    command: list[str | Path] = [sys.executable, HERE / "flooding_process.py", installation.spool]
    arguments = [str(number) for number in (requests, file_lines, broken)]
    writer = subprocess.Popen([*command, *arguments], env=installation.environment)
    try:
        for _ in range(kills):
            worker = installation.start_worker()
            time.sleep(random.uniform(0.0, 1.0))
            kill(worker)
        assert writer.wait(timeout=600) == 0
    finally:
        writer.kill()
        writer.wait()
    installation.ship_the_rest()

    log = "FROM request_log_loggedrequest"
    assert installation.query(f"SELECT count(*), count(DISTINCT resource) {log}") == [(requests, requests)]
    whole = "status = 200 AND outcome = 'accepted' AND duration_seconds = 0.125"
    assert installation.query(f"SELECT count(*) {log} WHERE {whole}") == [(requests,)]
    assert installation.query("SELECT count(*) FROM request_log_setasideline") == [(broken,)]
    counted = "SELECT sum(accepted) FROM request_log_usagecount WHERE hours = 24 AND kind = 'token'"
    assert installation.query(counted) == [(requests,)]
    assert installation.query("SELECT count(*) FROM request_log_openrequest") == [(0,)]
