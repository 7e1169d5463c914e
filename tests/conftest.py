"""Fixtures for every test: the cast, the clock, and a real PostgreSQL."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

import clickhouse_server
import postgresql_server
from cast import Cast
from simsim.request_log.clickhouse import server, table
from simsim.request_log.clickhouse.server import ClickHouse

# The cases of the conformance suite say what they found, as tests do.
pytest.register_assert_rewrite("conformance_cases", "conformance_phases")


@pytest.fixture(scope="session")
def postgresql_url() -> str:
    """The URL of an empty database on a real PostgreSQL."""
    return postgresql_server.create_database(f"scratch_{secrets.token_hex(4)}")


@pytest.fixture(scope="session")
def clickhouse_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a ClickHouse, the embedded edition."""
    with clickhouse_server.running(tmp_path_factory.mktemp("clickhouse")) as port:
        yield port


@pytest.fixture
def clickhouse(clickhouse_port: int, settings: Settings) -> Iterator[ClickHouse]:
    """An empty ClickHouse, which has the rows of the log during a test."""
    home = ClickHouse("127.0.0.1", clickhouse_port, "default", "", "default", is_secure=False)
    settings.LOG_CLICKHOUSE = home
    table.create()
    yield home
    settings.LOG_CLICKHOUSE = home
    server.order(f"DROP TABLE {table.TABLE}")


@pytest.fixture
def now() -> datetime:
    """The time at which a test takes place."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def cast(db: None, now: datetime) -> Cast:
    """Alice administers Acme and Bob is its member; Charlie administers Globex; Olga operates."""
    return Cast.assemble(now)
