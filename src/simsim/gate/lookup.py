"""What is known of the token that a password belongs to, as of the last commit before the request.

The gate's one way in: the SQL view `verifiable_token`, on either database.
"""

from pathlib import Path
from typing import Protocol

from simsim.credential.decision import Record

COLUMNS = "digest, token_id, account_id, name, expires_at, revoked_at, allowlist, works_until, report_only"
VIEW = "verifiable_token"


class Unavailable(Exception):
    """The database can't be asked: no decision can be made."""


class Lookup(Protocol):
    """Where records are found. One for each process; not to be shared between threads."""

    def find(self, digest: bytes) -> Record | None:
        """Return the record under a password's digest, None when there is none. Raises Unavailable."""
        ...

    def version(self) -> object | None:
        """Return the same object for as long as nothing is committed, None while that can't be known. Never raises."""
        ...

    def close(self) -> None:
        """Let go of the database; the next `find` opens it again."""
        ...


def open_lookup(database: str | Path) -> Lookup:
    """Return the lookup for a database URL (postgresql://, sqlite:///) or the path of an SQLite file.

    Touches nothing: the database is opened by the first `find`.
    """
    # Imported here: a gate on SQLite does without the PostgreSQL driver, 30 ms and 10 MB of it.
    if isinstance(database, str) and database.startswith(("postgresql://", "postgres://")):
        from simsim.gate.lookup_postgresql import PostgresqlLookup  # noqa: PLC0415

        return PostgresqlLookup(database)
    from simsim.gate.lookup_sqlite import SqliteLookup  # noqa: PLC0415

    return SqliteLookup(Path(str(database).removeprefix("sqlite:///")))
