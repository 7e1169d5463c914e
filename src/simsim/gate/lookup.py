"""What is known of the token that a password belongs to, as of the last commit before the request.

The gate's one way in: the SQL view `verifiable_token`, on either database.
"""

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
