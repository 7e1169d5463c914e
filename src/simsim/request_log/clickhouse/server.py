"""A ClickHouse server, asked over its HTTP interface."""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60
FEW_ROWS = 2000
# A filter may name thousands of tokens. The server's usual limit is 256 KiB.
MAX_QUERY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ClickHouse:
    """Where a ClickHouse server is, who signs in there, and the database that holds the log's rows."""

    host: str
    port: int
    user: str
    password: str
    database: str
    is_secure: bool = True

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}/{self.database}"


class Unanswered(DatabaseError):
    """ClickHouse did not do what it was asked to do; the text says why, in one line."""


def is_home() -> bool:
    """Whether the rows of the log are in ClickHouse."""
    return settings.LOG_CLICKHOUSE is not None


def ask(query: str, parameters: Sequence[Any] = ()) -> list[list[Any]]:
    """Return the rows of an answer, with values as JSON has them. `%s` in the query stands for a parameter.

    Raises Unanswered.
    """
    with _Reported():
        answer = _client().raw_query(
            query, parameters=list(parameters) or None, fmt="JSONCompactEachRow",
            settings={"max_query_size": MAX_QUERY_BYTES, "output_format_json_quote_64bit_integers": 0},
        )  # fmt: skip
    return [json.loads(line) for line in answer.splitlines()]


def order(statement: str) -> None:
    """Run a statement that has no answer. Raises Unanswered."""
    with _Reported():
        _client().command(statement)


def insert(table: str, columns: Sequence[str], data: bytes, *, rows: int, token: str) -> None:
    """Insert rows in ClickHouse's format Native; return when they are stored. Raises Unanswered.

    The server skips a block whose `token` it has seen lately.
    """
    # The server puts small blocks of many nodes together: each block that it stores costs it as much as many rows.
    options: dict[str, Any] = {"async_insert": int(rows < FEW_ROWS), "wait_for_async_insert": 1}
    options |= {"insert_deduplicate": 1, "insert_deduplication_token": token}
    # A backlog of a quiet node can reach over more days, each a partition, than the server allows by default.
    options["max_partitions_per_insert_block"] = 0
    with _Reported():
        _client().raw_insert(table, column_names=list(columns), insert_block=data, fmt="Native", settings=options)


class _Reported:
    """Turns every error of the library and of the connection into Unanswered, without a traceback's secrets."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - an optional package
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        if isinstance(error, ClickHouseError | HTTPError | OSError):
            why = " ".join(str(error.__cause__ or error).split())
            raise Unanswered(f"ClickHouse at {settings.LOG_CLICKHOUSE!r}: {why}") from None


def _client() -> Any:
    # A forked process must not share its parent's connections.
    return _client_of(settings.LOG_CLICKHOUSE, os.getpid())


@lru_cache(maxsize=2)
def _client_of(server: ClickHouse, _process: int) -> Any:
    import clickhouse_connect  # noqa: PLC0415 - only installations with ClickHouse have the package

    # Every error is raised as Unanswered, and reported once.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    return clickhouse_connect.get_client(
        host=server.host, port=server.port, username=server.user, password=server.password, database=server.database,
        interface="https" if server.is_secure else "http", connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=ANSWER_SECONDS, autogenerate_session_id=False, client_name="simsim",
        show_clickhouse_errors="scrub",
    )  # fmt: skip
