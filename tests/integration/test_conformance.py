"""One suite of cases for whatever stands in front of an API: the gateway, other proxies, and the middlewares.

Everything runs at the same time before one gate, and each phase of the cases once. docs/operators/conformance.md has
the results.
"""

import base64
import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest

import conformance_table
from conformance_front import LAST, LOGGED, ORDINARY, Check, Front
from conformance_phases import FAILURES, send_logged
from conformance_table import FRONTS, PAGE, all_cases, reason_for
from documented_proxies import StackWithProxies
from raw_api import raw_api
from settings_for_tests import ON_POSTGRESQL

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B9", "R15", "R16", "R17"), pytest.mark.timeout(600)]
Failures = dict[tuple[str, str], str]  # what has gone wrong, by the case and the front
SHIPPED_SECONDS = 120
COLUMNS = "resource, outcome, reason, status, method, address, duration_seconds, bytes"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackWithProxies]:
    limit = {"SIMSIM_FAILURES_PER_ADDRESS": str(FAILURES)}
    stack = StackWithProxies(tmp_path_factory.mktemp("conformance"), ON_POSTGRESQL, settings=limit)
    with raw_api(stack.api_port):
        try:
            stack.start_serving()
            stack.start_proxies(*FRONTS)
            stack.start_worker()
            yield stack
        finally:
            stack.stop()


@pytest.fixture(scope="module")
def failures(stack: StackWithProxies) -> Failures:
    fronts = fronts_of(stack)
    found: Failures = {}
    with ThreadPoolExecutor(len(fronts)) as threads:
        sent = sum(threads.map(send_logged, fronts))
        for part in threads.map(lambda front: failing(front, ORDINARY), fronts):
            found |= part
    deadline = time.monotonic() + SHIPPED_SECONDS  # what is missing then, the cases of the log tell
    while sum(map(len, ended_rows(stack).values())) < sent and time.monotonic() < deadline:
        time.sleep(1)
    rows = ended_rows(stack)
    too_many, away = LAST.items()
    with ThreadPoolExecutor(len(fronts)) as threads:
        for front, part in zip(
            fronts, threads.map(lambda front: failing(front, dict([too_many])), fronts), strict=True
        ):
            found |= part | failing(replace(front, rows=rows), LOGGED)
        stack.stop_serving()
        for part in threads.map(lambda front: failing(front, dict([away])), fronts):
            found |= part
    stack.serve_again()
    return found


def fronts_of(stack: StackWithProxies) -> list[Front]:
    tokens = {
        "good": stack.create_token("Of the caller"),
        "revoked": stack.create_token("Revoked"),
        "elsewhere": stack.create_token("Elsewhere", "--allow", "192.0.2.0/24"),
        "limited": stack.create_token("Limited", "--limit", "GET /reached"),
    }
    stack.revoke(tokens["revoked"]["id"])
    credentials = {name: basic(token["username"], token["password"]) for name, token in tokens.items()}
    credentials["wrong"] = basic(tokens["good"]["username"], tokens["revoked"]["password"])
    # Each from its own network, so that none is called a flood because of another.
    return [
        Front(name, stack.ports[name], f"127.{number}.0.1", stack.account, credentials)
        for number, name in enumerate(FRONTS, 10)
    ]


def basic(username: str, password: str) -> bytes:
    return b"Authorization: Basic " + base64.b64encode(f"{username}:{password}".encode())


def failing(front: Front, cases: Mapping[str, Check]) -> Failures:
    """Return which of the cases do not hold, and why."""

    def attempt(name: str) -> str:
        try:
            cases[name](front)
        except Exception as failure:
            return f"{type(failure).__name__}: {failure}"[:2000]
        return ""

    with ThreadPoolExecutor(4) as threads:
        found = zip(cases, threads.map(attempt, cases), strict=True)
        return {(name, front.name): failure for name, failure in found if failure}


def ended_rows(stack: StackWithProxies) -> dict[str, list[dict[str, Any]]]:
    """Return the rows about the requests for the cases of the log, by /front/what."""
    sql = f"SELECT {COLUMNS} FROM request_log_loggedrequest WHERE account_id IS NOT NULL AND outcome <> 'unknown'"
    if ON_POSTGRESQL:
        with psycopg.connect(stack.database_url) as connection:
            found = connection.execute(sql.encode()).fetchall()
    else:
        with contextlib.closing(sqlite3.connect(stack.data / "request_log.sqlite3", timeout=20)) as connection:
            found = connection.execute(sql).fetchall()
    rows: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        row = dict(zip(COLUMNS.split(", "), each, strict=True))
        place, _, front = row["resource"].rpartition("/")
        key = f"/{front}{place}" if front in FRONTS else row["resource"]
        if key.split("/")[1] in FRONTS:
            rows.setdefault(key, []).append(row)
    return rows


@pytest.mark.parametrize("name", all_cases())
def test_case_holds_for_every_front_or_for_the_known_reason_not(failures: Failures, name: str) -> None:
    unexpected = {front: failures[name, front] for front in FRONTS
                  if (name, front) in failures and reason_for(name, front) is None}  # fmt: skip
    assert not unexpected
    outdated = [front for front in FRONTS if reason_for(name, front) and (name, front) not in failures]
    assert not outdated


def test_page_shows_the_cases_and_reasons_of_this_suite() -> None:
    assert PAGE.read_text(encoding="utf-8") == conformance_table.page()
    assert set(conformance_table.REASONS) <= set(all_cases())
    assert len(all_cases()) >= 80
