"""Fixtures for every test: the cast, the clock, and a real PostgreSQL."""

import secrets
from datetime import UTC, datetime

import pytest

import postgresql_server
from cast import Cast

# The cases of the conformance suite say what they found, as tests do.
pytest.register_assert_rewrite("conformance_cases", "conformance_phases")


@pytest.fixture(scope="session")
def postgresql_url() -> str:
    """The URL of an empty database on a real PostgreSQL."""
    return postgresql_server.create_database(f"scratch_{secrets.token_hex(4)}")


@pytest.fixture
def now() -> datetime:
    """The time at which a test takes place."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def cast(db: None, now: datetime) -> Cast:
    """Alice administers Acme and Bob is its member; Charlie administers Globex; Olga operates."""
    return Cast.assemble(now)
