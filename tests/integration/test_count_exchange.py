"""A quota holds for all nodes: their workers tell each other what they have let in, and no request waits for it."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker, Settings

import postgresql_server
from own_installation import DJANGO, environment_of
from simsim.config.database_addresses import django_database
from simsim.config.settings import sqlite
from simsim.credential.rates import Rates, month_ends
from simsim.gate.counters import FILE_NAME, Counters
from simsim.health.worker_reports import HealthReporter
from simsim.operations.worker import jobs
from simsim.request_log import node_counts
from simsim.request_log.count_exchange import FULL_ROUND_SECONDS, CountExchange, share_left
from simsim.request_log.node_counts import NodeCount
from simsim.tokens.counted_usage import counters

# These tests have a database of their own on PostgreSQL: on SQLite there is one node.
pytestmark = [pytest.mark.covers("B17"), pytest.mark.any_database]
ALIAS = "counts"
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
DAY = 86_400
WORKER = """
import sys, threading
from pathlib import Path
import django
django.setup()
from simsim.gate.counters import FILE_NAME, Counters
from simsim.operations.worker import Job, repeat
from simsim.request_log.count_exchange import CountExchange
spool = Path(sys.argv[1])
exchange = CountExchange(spool, Counters(spool / FILE_NAME), clock=lambda: float(sys.argv[2]))
job = Job("count exchange", exchange.run, idle_seconds=0.02, busy_seconds=0.02)
threading.Thread(target=repeat, args=(job, threading.Event()), daemon=True).start()
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def database_url() -> str:
    return postgresql_server.create_database(f"counts_{uuid.uuid4().hex[:8]}")


@pytest.fixture(autouse=True)
def log(database_url: str, settings: Settings, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The log's database, on PostgreSQL, with an empty table."""
    settings.REQUEST_LOG_ALIAS = ALIAS
    found = connections.configure_settings({"default": {}, ALIAS: django_database("SIMSIM_DATABASE_URL", database_url)})
    connections.settings[ALIAS] = found[ALIAS]
    with django_db_blocker.unblock():
        call_command("migrate", "request_log", database=ALIAS, verbosity=0)
        NodeCount.objects.all().delete()
        yield
        connections[ALIAS].close()
    del connections[ALIAS], connections.settings[ALIAS]


class Nodes:
    """Machines with their counts and workers, which share a clock that tests set; `skews` are their clocks' errors."""

    def __init__(self, directory: Path, now: float = NOON) -> None:
        self.directory = directory
        self.now = now
        self.counters: dict[str, Counters] = {}
        self.exchanges: dict[str, CountExchange] = {}
        self.skews: dict[str, float] = {}

    def join(self, name: str, skew: float = 0.0) -> None:
        spool = self.directory / name
        spool.mkdir()
        (spool / ".shipping").write_text(name * 32)
        self.skews[name] = skew
        self.counters[name] = Counters(spool / FILE_NAME)
        self.start_worker(name)

    def start_worker(self, name: str) -> None:
        self.exchanges[name] = CountExchange(
            self.directory / name, self.counters[name], clock=lambda: self.now + self.skews[name]
        )

    def round(self, *names: str) -> None:
        for name in names or self.exchanges:
            self.exchanges[name].run()

    def admitted(self, name: str, token: uuid.UUID, rates: Rates, tries: int) -> int:
        now = self.now + self.skews[name]
        return sum(self.counters[name].take(token.bytes, rates, now) is None for _ in range(tries))

    def totals(self, name: str, token: uuid.UUID) -> tuple[int, int]:
        usage = self.counters[name].usage(token.bytes, self.now + self.skews[name])
        return usage.total_today, usage.total_this_month


@pytest.fixture
def nodes(tmp_path: Path) -> Nodes:
    found = Nodes(tmp_path)
    for name in "ab":
        found.join(name)
    return found


@pytest.fixture
def token() -> uuid.UUID:
    return uuid.uuid4()


def test_nodes_together_let_in_a_quota_and_at_most_what_the_others_let_in_until_it_is_heard(
    nodes: Nodes, token: uuid.UUID
) -> None:
    nodes.join("c")
    rates, passed, last = Rates(per_day=10_000), 0, 0
    for number in range(60):
        last = sum(nodes.admitted(name, token, rates, 97) for name in "abc")
        passed += last
        # Each worker has its own time: what one tells, the next hears in this round, and the one before in the next.
        nodes.round(*("abc", "cab", "bca")[number % 3])
    assert last == 0
    assert 10_000 <= passed <= 10_000 + 2 * 2 * 97
    assert [nodes.totals(name, token) for name in "abc"] == [(passed, passed)] * 3


def test_node_that_died_counts_until_the_month_ends_and_one_that_joins_late_knows_it(
    nodes: Nodes, token: uuid.UUID
) -> None:
    rates = Rates(10, 10, per_month=100)
    assert nodes.admitted("a", token, Rates(per_month=100), 60) == 60
    nodes.round()
    del nodes.exchanges["a"]
    nodes.now += 2 * DAY
    nodes.join("c")
    nodes.round("c")
    assert nodes.totals("c", token) == (0, 60)
    # What others let in before it joined does not fill its bucket.
    assert nodes.admitted("c", token, rates, 99) == 10
    nodes.round("c", "b")
    assert nodes.admitted("b", token, Rates(per_month=100), 99) == 30
    nodes.round()
    assert nodes.admitted("c", token, Rates(per_month=100), 99) == 0
    nodes.now = month_ends(datetime.fromtimestamp(NOON, UTC)).timestamp() + 5
    nodes.round()
    assert nodes.admitted("c", token, Rates(per_month=100), 60) == 60
    nodes.round("c", "b")
    assert nodes.admitted("b", token, Rates(per_month=100), 99) == 40
    nodes.round()
    later = datetime.fromtimestamp(nodes.now, UTC) + timedelta(days=2)
    assert node_counts.forget_old(later) == 1, "the row of the node that died"
    assert {row.node[0] for row in NodeCount.objects.all()} == {"b", "c"}


@pytest.mark.parametrize("end", ["day", "month"])
def test_period_ends_at_each_node_by_its_own_clock_and_nothing_is_let_in_twice(
    nodes: Nodes, token: uuid.UUID, end: str
) -> None:
    """Around midnight, the clock of one node is a second ahead, and that of another a second behind."""
    nodes.skews = {"a": 1.0, "b": -1.0}
    nodes.now = NOON + DAY // 2 if end == "day" else month_ends(datetime.fromtimestamp(NOON, UTC)).timestamp()
    midnight, rates = nodes.now, Rates(per_day=100) if end == "day" else Rates(per_month=100)
    nodes.now = midnight - 10
    assert nodes.admitted("a", token, rates, 99) == 99
    nodes.round()
    assert nodes.admitted("b", token, rates, 99) == 1
    nodes.now = midnight - 0.5
    assert nodes.admitted("a", token, rates, 30) == 30, "a day later there"
    for _ in range(3):
        nodes.round()
    assert nodes.admitted("b", token, rates, 99) == 0, "the old day still holds here"
    nodes.now = midnight + 2
    nodes.round()
    assert nodes.admitted("b", token, rates, 999) == 70
    nodes.round("b", "a")
    assert nodes.admitted("a", token, rates, 999) == 0
    used = nodes.totals("a", token)[end == "month"]
    assert used == 100


def admitted_per_second(nodes: Nodes, token: uuid.UUID, rates: Rates, loads: dict[str, int], seconds: int) -> float:
    """Return how many of the requests pass a second: each node gets so many a second, evenly, and a round every two."""
    passed, begin = 0, nodes.now
    for tick in range(seconds * 20):
        nodes.now = begin + tick / 20
        for name, load in loads.items():
            if tick * load // 20 != (tick - 1) * load // 20:
                passed += nodes.admitted(name, token, rates, 1)
        if tick % 40 == 0:
            nodes.round()
    nodes.now = begin + seconds
    return passed / seconds


def test_rate_holds_for_all_nodes_together_and_refuses_nobody_who_keeps_to_it(nodes: Nodes, token: uuid.UUID) -> None:
    rates = Rates(10, 10)
    nodes.round()
    assert admitted_per_second(nodes, token, rates, {"a": 4, "b": 4}, 20) == 8
    assert admitted_per_second(nodes, token, rates, {"a": 6, "b": 2}, 20) == 8
    nodes.now += 60
    admitted_per_second(nodes, token, rates, {"a": 20, "b": 20}, 4)
    assert admitted_per_second(nodes, token, rates, {"a": 20, "b": 20}, 20) <= 10.5
    assert admitted_per_second(nodes, token, rates, {"a": 20, "b": 2}, 20) <= 12
    # The node that is left has the whole rate a few seconds later.
    nodes.round("b", "a")
    del nodes.exchanges["b"]
    nodes.now += 12
    assert admitted_per_second(nodes, token, rates, {"a": 10}, 20) == 10


def test_share_of_a_node_is_that_of_its_requests_and_never_less_than_an_equal_one() -> None:
    assert share_left(30, 10, 1) == 750_000
    assert share_left(10, 30, 1) == 500_000
    assert share_left(0, 30, 3) == 250_000
    assert share_left(0, 0, 0) == 1_000_000


def test_rows_are_written_when_they_change_and_again_after_a_restore(nodes: Nodes, token: uuid.UUID) -> None:
    nodes.admitted("a", token, Rates(per_day=9), 3)
    nodes.round()
    (row,) = NodeCount.objects.all()
    assert (row.token_id, row.node, row.today, row.this_month) == (token, "a" * 32, 3, 3)
    nodes.round()
    nodes.start_worker("a")
    nodes.round()
    assert NodeCount.objects.get().told_at == row.told_at
    NodeCount.objects.update(this_month=1, today=1)
    nodes.round()
    assert NodeCount.objects.get().today == 1
    nodes.exchanges["a"]._next_full -= FULL_ROUND_SECONDS
    nodes.round()
    assert NodeCount.objects.get().today == 3


def test_token_without_room_holds_up_no_other(nodes: Nodes, token: uuid.UUID) -> None:
    others = [uuid.uuid4() for _ in range(5)]
    nodes.counters["b"] = Counters(nodes.directory / "b" / FILE_NAME, slots=1)
    nodes.start_worker("b")
    nodes.admitted("b", token, Rates(per_day=99), 1)
    for each in (*others, token):
        nodes.admitted("a", each, Rates(per_day=99), 7)
    nodes.round("a", "b")
    assert nodes.totals("b", token) == (8, 8)


def test_worker_runs_the_exchange_on_postgresql_and_not_on_sqlite(
    nodes: Nodes, token: uuid.UUID, settings: Settings, tmp_path: Path
) -> None:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"data_dir": tmp_path / "c"})
    spool: Path = settings.OPERATOR.spool_dir
    spool.mkdir(parents=True)
    (spool / ".shipping").write_text("c" * 32)
    (job,) = [each for each in jobs(HealthReporter(spool, tuple)) if each.name == "count exchange"]
    nodes.now = time.time()
    nodes.admitted("a", token, Rates(per_day=9), 4)
    nodes.round()
    job.run()
    assert counters().usage(token.bytes, nodes.now).total_today == 4
    settings.REQUEST_LOG_ALIAS = "sqlite"
    connections.settings["sqlite"] = sqlite(tmp_path / "log.sqlite3", "NORMAL")
    assert "count exchange" not in {each.name for each in jobs(HealthReporter(spool, tuple))}


def test_node_without_a_spool_name_tells_nothing(tmp_path: Path) -> None:
    assert CountExchange(tmp_path, Counters(tmp_path / FILE_NAME)).run() == 0
    assert not NodeCount.objects.exists()


def test_killed_worker_loses_no_count(nodes: Nodes, token: uuid.UUID, database_url: str) -> None:
    """Real workers, one of which is killed again and again while requests come in at both nodes."""
    environment = environment_of(nodes.directory, database_url) | DJANGO

    def start(name: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", WORKER, str(nodes.directory / name), str(NOON)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)

    workers = {name: start(name) for name in "ab"}
    passed = 0
    try:
        for _ in range(4):
            for _ in range(50):
                passed += sum(nodes.admitted(name, token, Rates(per_day=100_000), 5) for name in "ab")
                time.sleep(0.02)
            workers["a"].kill()
            workers["a"].communicate()
            workers["a"] = start("a")
        deadline = time.monotonic() + 60
        while {nodes.totals(name, token) for name in "ab"} != {(passed, passed)}:
            assert time.monotonic() < deadline, [nodes.totals(name, token) for name in "ab"]
            time.sleep(0.05)
    finally:
        for worker in workers.values():
            worker.communicate()
    assert passed == 2000
