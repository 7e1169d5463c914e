"""The list of tokens stays quick for the largest account that we know of: ten thousand active tokens."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from cast import Cast
from page_speed import MAX_SECONDS, quickest_seconds
from simsim.tokens.field_errors import namesake
from simsim.tokens.models import Token
from time_alone import pace

pytestmark = pytest.mark.django_db(databases="__all__")
TOKENS, ENDED = 10_000, 100
MAX_QUERIES = 14
# While people type, at the server, on a machine as fast as the one for which it is stated.
MAX_SEARCH_SECONDS = 0.1


@pytest.fixture
def alice(cast: Cast, now: datetime) -> Client:
    """Alice's browser, signed in to an account with many active tokens, and some that have ended."""
    Token.objects.bulk_create(
        (
            Token(
                account=cast.acme, name=f"Token {number}",
                expires_at=now + timedelta(days=1, minutes=number) * (1 if number < TOKENS else -1),
                allowed_networks=["198.51.100.0/24", "2001:db8:17::/48"], digest=os.urandom(32), sealed_password=b"0",
                created_at=now, created_by=cast.alice, created_by_label=cast.alice.email,
            )
            for number in range(TOKENS + ENDED)
        ),
        batch_size=1000,
    )  # fmt: skip
    client = Client()
    client.force_login(cast.alice)
    return client


@contextmanager
def noting_queries() -> Iterator[list[tuple[str, Any]]]:
    """Note every query to any of the databases, and its parameters, while the block lasts."""
    queries: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        queries.append((sql, params))
        return execute(sql, params, *rest)

    with ExitStack() as stack:
        for each in connections.all():
            stack.enter_context(each.execute_wrapper(note))
        yield queries


def test_a_page_among_ten_thousand_tokens_takes_few_queries_of_an_index_and_little_time(
    alice: Client, cast: Cast, now: datetime
) -> None:
    """One test, because it takes seconds to create the tokens."""
    tokens = f"/accounts/{cast.acme.pk}/tokens/"
    asked = []
    for page in ("", "?page=400", "?attention=unused", "ended/"):
        with noting_queries() as queries:
            answer = alice.get(f"{tokens}{page}")
        assert answer.status_code == 200
        assert (b"Token " in answer.content) == (page != "?attention=unused")  # they are new
        assert 0 < len(queries) <= MAX_QUERIES, "\n".join(sql for sql, _ in queries)
        asked.append(queries)
    for page in ("", "?page=400"):
        assert quickest_seconds(alice, f"{tokens}{page}") <= MAX_SECONDS, page
    for text in ("Token 99", "nothing has this", "alice", "a"):
        assert quickest_seconds(alice, f"/accounts/{cast.acme.pk}/search/", q=text) <= MAX_SEARCH_SECONDS * pace(), text
    with noting_queries() as queries:
        assert namesake(cast.acme, "token 99", now=now) is not None
    # Last, because it changes how PostgreSQL plans.
    (query,) = queries
    # PostgreSQL chooses by statistics, which it has not collected yet.
    assert connection.vendor == "postgresql" or "tokens_of_a_name" in str(explained(*query)), query
    for queries in asked:
        prove_that_indexes_answer(queries)


def prove_that_indexes_answer(queries: list[tuple[str, Any]]) -> None:
    """Show that what a page asks about all tokens is read from an index only."""
    # The tokens of the page are fetched by their ids, and are the only rows that are.
    of_all = [query for query in queries if '"tokens_token"' in query[0] and '"tokens_token"."id" IN' not in query[0]]
    assert len(of_all) >= 2
    for sql, params in of_all:
        plan = [step for *_, step in explained(sql, params)]
        if connection.vendor == "sqlite":
            assert all("COVERING INDEX" in step for step in plan if "tokens_token" in step or "U0" in step), (sql, plan)
        else:
            # PostgreSQL reads a table of which most rows are wanted as it lies; it must be able to do without.
            assert not any("Seq Scan on tokens_token" in step for step in plan), (sql, plan)


def explained(sql: str, params: Any) -> Any:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN'} {sql}", params)
        return cursor.fetchall()
