"""Failures are throttled, floods are counted exactly, and neither ever concerns a request with a valid token."""

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gate_database import ACME, GLOBEX, Database, basic
from simsim.credential.decision import Reason
from simsim.credential.password import mint
from simsim.gate import answer, counted_refusals, refusals
from simsim.gate.answer import THROTTLED_BODY, UNAUTHORIZED_BODY, Answer
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.counted_refusals import REPORT_SECONDS, CountedRefusals
from simsim.gate.decided_line import CONSOLE_TEST, CONSOLE_TEST_METHOD
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.refusals import FailureLimits
from simsim.gate.spool import Spool

NOW = float(int(time.time()))
ADDRESS = "203.0.113.9"
Ask = Callable[..., Answer]
pytestmark = pytest.mark.covers("R16")


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limited(database: Database, spool_dir: Path, clock: Clock) -> Iterator[Gate]:
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=clock, limits=FailureLimits(10, 100))
    yield gate
    gate.close()


@pytest.fixture
def ask(limited: Gate) -> Ask:
    def asked(*authorization: bytes, address: str = ADDRESS, method: str = "GET", target: str = VERIFY) -> Answer:
        return limited.verify(Request("", method, target, authorization, [address], "0123456789abcdef" * 2))

    return asked


def lines(spool_dir: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for path in sorted(spool_dir.iterdir()) for line in path.read_text().splitlines()]
    return [line for line in found if "took" not in line]


def counts(spool_dir: Path) -> dict[tuple[str, str, str], int]:
    """Return how many refusals were counted, by network, account and reason."""
    found: dict[tuple[str, str, str], int] = {}
    for line in lines(spool_dir):
        for _, network, account, reason, number in line.get("counted", ()):
            found[network, account, reason] = found.get((network, account, reason), 0) + number
    return found


def statuses(answers: list[Answer]) -> list[int]:
    return [said.status for said in answers]


def test_address_that_keeps_failing_gets_429_and_its_valid_token_passes(ask: Ask, database: Database) -> None:
    valid, wrong = basic(database.add()), basic(mint())
    answers = [ask(wrong) for _ in range(12)]
    assert statuses(answers) == [401] * 10 + [429] * 2
    status, headers, body = answers[-1]
    assert (status, body) == (429, THROTTLED_BODY)
    assert dict(headers)["retry-after"] == "6"
    assert ask(valid).status == 204
    assert ask(wrong, address="203.0.113.10").status == 401


def test_failure_after_retry_after_gets_401_again(ask: Ask, clock: Clock) -> None:
    for _ in range(10):
        ask(basic(mint()))
    clock.now += 2.5
    said = ask(basic(mint()))
    assert dict(said.headers)["retry-after"] == "4"
    clock.now += 4
    assert ask(basic(mint())).status == 401


def test_hosts_of_one_ipv6_network_share_the_limit_of_an_address(ask: Ask) -> None:
    answers = [ask(basic(mint()), address=f"2001:db8:0:1::{number:x}") for number in range(11)]
    assert statuses(answers) == [401] * 10 + [429]
    assert ask(basic(mint()), address="2001:db8:0:2::1").status == 401


def test_flooded_username_does_not_lock_out_its_owner(ask: Ask, database: Database) -> None:
    valid = basic(database.add())
    answers = [ask(basic(mint()), address=f"198.51.{number}.1") for number in range(101)]
    assert statuses(answers) == [401] * 100 + [429]
    assert ask(valid).status == 204
    assert ask(basic(mint(), GLOBEX)).status == 401


def test_client_that_is_asked_for_credentials_each_time_is_never_throttled(ask: Ask, database: Database) -> None:
    valid = basic(database.add())
    for _ in range(200):
        assert ask().status == 401
        assert ask(valid).status == 204
    assert ask(basic(mint())).status == 401


def test_every_kind_of_failure_looks_alike_when_throttled(ask: Ask, database: Database) -> None:
    for _ in range(10):
        ask(basic("hunter2"))
    failures = [
        basic("hunter2"), basic(mint()), b"Bearer x", basic(database.add(revoked_at="2026-01-01 00:00:00")),
        basic(database.add(is_paused=True)), basic(database.add(allow=("192.0.2.1",))), basic(database.add(), GLOBEX),
    ]  # fmt: skip
    answers = {ask(each)._replace(headers=()) for each in failures}
    assert answers == {Answer(429, (), THROTTLED_BODY)}


def test_throttled_requests_leave_one_example_and_an_exact_count(
    limited: Gate, ask: Ask, spool_dir: Path, clock: Clock
) -> None:
    said = [ask(basic(mint())) for _ in range(1000)]
    assert [answer.is_counted(each) for each in said] == [False] * 11 + [True] * 989
    limited.close()
    logged = [line for line in lines(spool_dir) if "reason" in line]
    assert [line["reason"] for line in logged] == ["unknown_credentials"] * 10 + ["throttled"]
    assert (logged[-1]["cause"], logged[-1]["account"], logged[-1]["address"]) == ("throttled", str(ACME), ADDRESS)
    assert counts(spool_dir) == {(ADDRESS, str(ACME), "throttled"): 989}


def test_example_of_a_flooded_username_names_the_account(ask: Ask, spool_dir: Path) -> None:
    for number in range(150):
        ask(basic(mint()), address=f"198.51.{number}.1")
    (example,) = [line for line in lines(spool_dir) if line.get("reason") == "throttled"]
    assert (example["cause"], example["account"]) == ("throttled_username", str(ACME))


def test_known_token_that_keeps_failing_is_named_in_the_example(ask: Ask, database: Database, spool_dir: Path) -> None:
    revoked = basic(database.add(revoked_at="2026-01-01 00:00:00"))
    for _ in range(11):
        ask(revoked)
    *first, example = lines(spool_dir)
    assert {line["reason"] for line in first} == {"revoked"}
    assert (example["reason"], example["token"], example["name"]) == ("throttled", first[0]["token"], "Warehouse")


def test_flood_without_credentials_costs_counts_and_no_lines(limited: Gate, ask: Ask, spool_dir: Path) -> None:
    answers = [ask() for _ in range(1000)]
    limited.close()
    assert {(said.status, said.body) for said in answers} == {(401, UNAUTHORIZED_BODY)}
    assert len([line for line in lines(spool_dir) if "reason" in line]) == refusals.LINES_PER_ADDRESS
    assert counts(spool_dir) == {(ADDRESS, "", "no_credentials"): 1000 - refusals.LINES_PER_ADDRESS}


def test_wide_flood_costs_a_bounded_log_and_every_request_is_counted(
    database: Database, spool_dir: Path, clock: Clock
) -> None:
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=clock, limits=FailureLimits())
    number = 8000
    wrong = basic(mint(), uuid.uuid4())
    for each in range(number):
        clock.now = NOW + each / 2000
        request = Request("", "GET", VERIFY, [wrong], [f"10.{each >> 8}.{each & 255}.1"], "0123456789abcdef" * 2)
        assert gate.verify(request).status in {401, 429}
    gate.close()
    logged = [line for line in lines(spool_dir) if "reason" in line]
    assert len(logged) + sum(counts(spool_dir).values()) == number
    assert len(logged) <= refusals.LINES_PER_PROCESS * (1 + 10 / 60) + 1
    assert len(lines(spool_dir)) - len(logged) <= 10 / REPORT_SECONDS + 2
    assert sum(path.stat().st_size for path in spool_dir.iterdir()) < 1_500_000


def test_test_from_the_console_is_never_throttled(ask: Ask) -> None:
    for _ in range(20):
        said = ask(basic(mint()), method=CONSOLE_TEST_METHOD, target=CONSOLE_TEST)
    assert dict(said.headers)["x-simsim-reason"] == "unknown_credentials"


def test_no_limit_throttles_nobody(database: Database, spool_dir: Path) -> None:
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), limits=FailureLimits(0, 0))
    request = Request("", "GET", VERIFY, [basic(mint())], [ADDRESS], "0123456789abcdef" * 2)
    assert {gate.verify(request).status for _ in range(1000)} == {401}
    gate.close()


def test_counts_are_written_each_second_and_the_last_ones_by_the_event_loop(
    ask: Ask, spool_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "REPORT_SECONDS", 0.01)

    async def flood() -> None:
        for _ in range(20):
            ask(basic(mint()))
        assert sum(counts(spool_dir).values()) == 1, "the first one at once"
        await asyncio.sleep(0.1)

    asyncio.run(flood())
    assert sum(counts(spool_dir).values()) == 9


def test_process_that_is_killed_loses_the_counts_of_one_second_at_most(ask: Ask, spool_dir: Path, clock: Clock) -> None:
    for number in range(1000):
        clock.now = NOW + number / 100
        ask(basic(mint()))
    # What is written survives a SIGKILL.
    logged = [line for line in lines(spool_dir) if "reason" in line]
    lost = 1000 - len(logged) - sum(counts(spool_dir).values())
    assert 0 < lost <= 100


def test_counts_wait_for_room_on_the_disk(tmp_path: Path, clock: Clock) -> None:
    limits, directory = FailureLimits(1, 0), tmp_path / "spool"
    counted = refusals.Refusals(limits, Spool(directory), clock)
    counted._counted.add(Reason.THROTTLED, network=ADDRESS, account="", now=NOW)
    counted.report(NOW)
    directory.mkdir()
    counted.report(NOW + 1)
    counted.report(NOW + 2)
    assert counts(directory) == {(ADDRESS, "", "throttled"): 1}


def test_more_sources_than_are_named_are_counted_together() -> None:
    counted = CountedRefusals()
    for number in range(counted_refusals.MAX_SOURCES + 50):
        counted.add(Reason.THROTTLED, network=str(number), account="", now=NOW)
    said = json.loads(counted.line() or b"")["counted"]
    assert (len(said), said[-1][1:]) == (counted_refusals.MAX_SOURCES + 1, ["", "", "throttled", 50])
    counted.forget(NOW)
    counted.add(Reason.THROTTLED, network="late", account="", now=NOW + 60)
    assert json.loads(counted.line() or b"")["counted"][0][1] == "late"


def test_child_does_not_report_what_its_parent_counted() -> None:
    counted = CountedRefusals()
    counted.add(Reason.THROTTLED, network="parent", account="", now=NOW)
    if not (pid := os.fork()):
        is_silent = counted.line() is None
        counted.add(Reason.THROTTLED, network="child", account="", now=NOW)
        said = json.loads(counted.line() or b"{}").get("counted")
        os._exit(not is_silent or [each[1:] for each in said] != [["child", "", "throttled", 1]])
    assert os.waitpid(pid, 0)[1] == 0
    assert counted.line() is not None
