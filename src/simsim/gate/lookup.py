"""How the gate looks up the token that a password belongs to, as of a moment after the request arrived.

It reads the SQL view `verifiable_token`, on either database, and whether any credentials have been imported.
"""

from typing import Protocol

from simsim.credential.decision import Record

COLUMNS = (
    "digest, token_id, account_id, name, expires_at, revoked_at, allowlist, works_until, report_only, paused_at, "
    "paused_until, limits, rates"
)
VIEW = "verifiable_token"
HOLDS_IMPORTED = "EXISTS (SELECT 1 FROM tokens_importedcredentials)"


class Unavailable(Exception):
    """The database doesn't answer, so no decision can be made."""


class Lookup(Protocol):
    """Finds token records. Each process has its own lookup, and threads must not share one."""

    def find(self, digest: bytes) -> Record | None:
        """Return the record under a password's digest, or None if there is none. Raises Unavailable."""
        ...

    def version(self) -> object | None:
        """Return an object that stays the same until the next commit; None if it can't see commits. Never raises."""
        ...

    def holds_imported(self) -> bool:
        """Whether any credentials have been imported. Raises Unavailable."""
        ...

    def close(self) -> None:
        """Close the database; the next `find` opens it again."""
        ...
