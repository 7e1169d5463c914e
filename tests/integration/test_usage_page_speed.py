"""The usage page is as fast for ten million requests as for ten: it reads only counts, through an index."""

import uuid
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cast import Cast
from page_speed import MAX_SECONDS, quickest_seconds
from simsim.account_log.usage import By
from simsim.request_log import durations
from simsim.request_log.ship.bulk_sql import NUMBERS
from simsim.request_log.ship.counts import CountKind
from simsim.request_log.usage import new_addresses, report
from simsim.request_log.usage.report import Span
from simsim.tokens.models import Token

pytestmark = [pytest.mark.covers("B5"), pytest.mark.django_db(databases="__all__")]
ACME = uuid.UUID(int=1)
REQUESTS = 10_000_000
DAYS, ENDPOINTS, TOKENS = 90, 400, 200
INDEXES = {"counts_of_an_account", "one_count_for_a_time", "sqlite_autoindex_request_log_usagecount_1"}
KINDS = (
    ("all", 1, "''"),
    ("status", 12, "'' || (200 + n * 17)"),
    ("endpoint", ENDPOINTS, "'/api/v2/things/' || n"),
    ("token", TOKENS, "substr('00000000000000000000000000000000' || n, length('' || n) + 1)"),
)


def test_every_question_to_the_counts_goes_through_an_index(now: datetime) -> None:
    # Of several accounts: if one account fills the table, reading without an index is right.
    for number in range(4):
        many_counts(uuid.UUID(int=ACME.int + number), now)
    connection = connections[settings.REQUEST_LOG_ALIAS]
    span = Span.last_days(DAYS, now)
    with CaptureQueriesContext(connection) as captured:
        total = report.total(report.series(ACME, span))
        for kind in (CountKind.ENDPOINT, CountKind.TOKEN):
            report.largest(ACME, span, kind, of=total, number=20)
        report.by_group(ACME, span, str, of=total)
        report.has_ever_been_used(ACME)
        new_addresses.new_addresses(ACME, since=now.date(), most=10)
    assert len(captured) == 11
    for query in captured:
        with connection.cursor() as cursor:
            explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{explain} {query['sql']}")
            plan = "\n".join(str(line[-1]) for line in cursor.fetchall())
        if "usagecount" in query["sql"]:
            assert any(index in plan for index in INDEXES), plan
            assert "Seq Scan" not in plan
            assert "SCAN request_log" not in plan
        else:
            assert "SCAN request_log" not in plan


def test_page_of_ten_million_requests_takes_little_time(cast: Cast, now: datetime) -> None:
    many_counts(cast.acme.pk, now)
    Token.objects.bulk_create(
        Token(
            id=uuid.UUID(f"{number + 1:032}"), account=cast.acme, name=f"Token {number}", created_by_label="alice",
            software_id=number % 5 or None, digest=number.to_bytes(32, "big"), sealed_password=b"0", created_at=now,
            expires_at=now + timedelta(days=90),
        )
        for number in range(TOKENS)
    )  # fmt: skip
    client = Client()
    client.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    for span, by in product(("24h", "90d"), By):
        address = f"/accounts/{cast.acme.pk}/usage/?range={span}&by={by}"
        content = client.get(address).content.decode()
        assert f"{ENDPOINTS - 20} others" in content or by is not By.ENDPOINT
        assert quickest_seconds(client, address) <= MAX_SECONDS, (span, by)


def many_counts(account_id: uuid.UUID, now: datetime) -> None:
    """Count REQUESTS requests over DAYS days, and as many in the last hours, straight in the database."""
    connection = connections[settings.REQUEST_LOG_ALIAS]
    account: Any = account_id if connection.vendor == "postgresql" else account_id.hex
    spans = Span.last_days(DAYS, now), Span.last_hours(24, now)
    with connection.cursor() as cursor:
        for span in spans:
            for kind, values, value in KINDS:
                each = REQUESTS // span.number // values
                # Half of the classes are used, as for an API with fast and slow endpoints.
                took = ", ".join(str(each // 16) if 6 <= place < 22 else "0" for place in range(durations.CLASSES))
                cursor.execute(
                    "WITH RECURSIVE times(t) AS (SELECT 0 UNION ALL SELECT t + 1 FROM times WHERE t < %s), "
                    "parts(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM parts WHERE n < %s) "
                    "INSERT INTO request_log_usagecount "
                    f"(account_id, hours, kind, value, began_hour, {', '.join(NUMBERS)}) "
                    f"SELECT %s, %s, %s, {value}, %s + t * %s, {each} - n %% 5, n %% 5, {took} "
                    "FROM times, parts WHERE true",
                    [span.number - 1, values, account, span.hours, kind, span.first_hour, span.hours],
                )
        names, sums = ", ".join(NUMBERS), ", ".join(f"sum({name})" for name in NUMBERS)
        cursor.execute(
            f"INSERT INTO request_log_usagecount (account_id, hours, kind, value, began_hour, {names}) "
            f"SELECT account_id, 240, kind, value, began_hour - began_hour %% 240, {sums} FROM request_log_usagecount "
            "WHERE account_id = %s AND hours = 24 AND kind = 'token' "
            "GROUP BY account_id, kind, value, began_hour - began_hour %% 240",
            [account],
        )
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE request_log_usagecount")
