"""Ten million requests in ClickHouse are found again as in the other database, by every filter.

It takes some minutes and, on PostgreSQL, 8 GB of disk. `SIMSIM_TEST_REQUESTS` sets another number of requests.
`.venv/bin/pytest -s` with its name also prints the figures.
"""

import statistics
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from pytest_django import Settings

import settings_for_tests
from cast import Cast
from clickhouse_rows import ACME, DAYS, FIRST, TOKENS, filter_sets, made_rows
from simsim.account_log.usage import By
from simsim.request_log import row_ids
from simsim.request_log.clickhouse import server, table
from simsim.request_log.clickhouse.server import ClickHouse
from simsim.request_log.models import LoggedRequest
from simsim.request_log.row_ids import microseconds_of
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import list_requests
from simsim.request_log.ship import bulk_sql, insert, owed_rows
from simsim.request_log.ship.join import RequestRow
from simsim.tokens.models import Token

FULL_SIZE = 10_000_000
ROWS = int(settings_for_tests.REQUESTS or FULL_SIZE)
BATCH, PAIRS, LIMIT = 40_000, 100, 60
ALL_TOKENS, ENDPOINTS, ADDRESSES = 200, 400, 300
LEAST_A_SECOND, MAX_USAGE_SECONDS = 100_000, 0.15


def batches(account: uuid.UUID) -> Iterator[list[RequestRow]]:
    """Yield the requests of 30 days: rows of every kind, with 200 tokens, 400 endpoints and 300 addresses.

    Fewer requests are those of fewer days, because counts are stored for each hour.
    """
    number = max(ROWS // BATCH, 1)
    batch_of_all = FULL_SIZE // BATCH
    span = timedelta(days=DAYS) / batch_of_all
    templates = list(made_rows(BATCH))
    for nth in range(number):
        batch = []
        for at, row in enumerate(templates):
            changed = row._replace(
                received_at=FIRST + span * nth + (row.received_at - FIRST) / batch_of_all,
                account_id=account if row.account_id == ACME else row.account_id,
            )
            if at % 8:
                place = at + nth
                token = uuid.UUID(int=TOKENS[0].int + place % ALL_TOKENS)
                path = f"/api/v2/kind-{place * 13 % ENDPOINTS}/values"
                address = f"198.51.{place % ADDRESSES // 250}.{place % ADDRESSES % 250}"
                changed = changed._replace(token_id=row.token_id and token, resource=path, address=address)
            batch.append(changed)
        yield batch


def copy_into_database(ids: Sequence[int], rows: Sequence[RequestRow], endpoint_ids: Sequence[int | None]) -> None:
    """Store rows in the database under the same ids, without counting them again."""
    with pytest.MonkeyPatch.context() as patched, transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
        patched.setattr(row_ids, "allocate", lambda _moments, attempt=0: list(ids))
        moments = [microseconds_of(row.received_at) for row in rows]
        with bulk_sql.inserted(settings.REQUEST_LOG_ALIAS, rows, moments, endpoint_ids):
            pass


def ship(account: uuid.UUID, home: ClickHouse, kept: Settings) -> tuple[float, float]:
    """Ship all rows, and copy them into the database; return the seconds of shipping: by the clock, and of our work."""
    spent = worked = 0.0
    for batch in batches(account):
        kept.LOG_CLICKHOUSE = home
        began, begun_work = time.perf_counter(), time.process_time()
        with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
            stored = insert.store_rows(batch)
        owed_rows.deliver()
        spent, worked = spent + time.perf_counter() - began, worked + time.process_time() - begun_work
        kept.LOG_CLICKHOUSE = None
        copy_into_database(stored.ids, stored.rows, stored.endpoint_ids)
    return spent, worked


def percentile_95(times: Sequence[float]) -> float:
    return sorted(times)[int(0.95 * len(times))]


@pytest.mark.timeout(36_000)
@pytest.mark.covers("B1")
@pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS}))
def test_ten_million_requests_are_shipped_and_found_again_by_every_filter(
    cast: Cast, clickhouse: ClickHouse, settings: Settings
) -> None:
    account = cast.acme.pk
    spent, worked = ship(account, clickhouse, settings)
    stored = ROWS // BATCH * BATCH
    print(f"\n{stored:,} rows: {stored / spent:,.0f} a second by the clock, {stored / worked:,.0f} of our own work")
    assert LoggedRequest.objects.count() == stored
    settings.LOG_CLICKHOUSE = clickhouse
    assert server.ask(f"SELECT count() FROM {table.TABLE} FINAL") == [[stored]]

    took: dict[bool, list[float]] = {True: [], False: []}
    for chosen in filter_sets(PAIRS):
        filters = LogFilters(**chosen | ({"account_id": account} if chosen["account_id"] == ACME else {}))
        pages = []
        for home in (None, clickhouse):
            settings.LOG_CLICKHOUSE = home
            began = time.perf_counter()
            pages.append(list_requests(filters, limit=LIMIT))
            took[home is not None].append(time.perf_counter() - began)
        assert pages[0].items == pages[1].items, chosen
        assert pages[0].next_cursor == pages[1].next_cursor, chosen
        assert [vars(each) | {"_state": None} for each in pages[0].items] == [
            vars(each) | {"_state": None} for each in pages[1].items
        ]

    settings.LOG_CLICKHOUSE = clickhouse
    usage = usage_page_seconds(cast)
    ((size,),) = server.ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = %s", [table.TABLE])
    print(
        f"{size / stored:.0f} bytes a row\n"
        f"{len(took[True])} filters, each with the same answer: ClickHouse median "
        f"{statistics.median(took[True]) * 1000:.0f} ms, p95 {percentile_95(took[True]) * 1000:.0f} ms; the database "
        f"{statistics.median(took[False]) * 1000:.0f} ms, {percentile_95(took[False]) * 1000:.0f} ms\n"
        f"usage page: median {statistics.median(usage) * 1000:.0f} ms, p95 {percentile_95(usage) * 1000:.0f} ms"
    )
    assert stored / spent >= LEAST_A_SECOND
    assert percentile_95(usage) <= MAX_USAGE_SECONDS


def usage_page_seconds(cast: Cast) -> list[float]:
    """Return how long the account's usage page took, with each split and span."""
    Token.objects.bulk_create(
        Token(
            id=uuid.UUID(int=TOKENS[0].int + number), account=cast.acme, name=f"Token {number}",
            created_by_label="alice", digest=number.to_bytes(32, "big"), sealed_password=b"0", created_at=FIRST,
            expires_at=FIRST + timedelta(days=90),
        )
        for number in range(ALL_TOKENS)
    )  # fmt: skip
    client = Client()
    client.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    took = []
    for _ in range(10):
        for by in By:
            for span in ("24h", "30d", "90d"):
                began = time.perf_counter()
                assert client.get(f"/accounts/{cast.acme.pk}/usage/?range={span}&by={by}").status_code == 200
                took.append(time.perf_counter() - began)
    return took
