"""How the gate looks up the token that a password belongs to, as of a moment after the request arrived.

It reads the SQL view `verifiable_token`, on either database, whether any credentials have been imported, and which
nodes may ask from other hosts.
"""

import json
from datetime import datetime
from ipaddress import ip_network
from typing import NamedTuple, Protocol

from simsim.credential import allowlist
from simsim.credential.decision import Record

COLUMNS = (
    "digest, token_id, account_id, name, expires_at, revoked_at, allowlist, works_until, report_only, paused_at, "
    "paused_until, limits, rates"
)
VIEW = "verifiable_token"
HOLDS_IMPORTED = "EXISTS (SELECT 1 FROM tokens_importedcredentials)"
# The management tokens of the scope `gate` that are not revoked. As `management_tokens.authentication` demands, the
# person in whose name one was created is active; created_by_label tells the operator from a deleted person.
NODES = """
    SELECT held.digest, held.expires_at, CAST(held.allowed_networks AS text) AS networks
    FROM management_tokens_managementtoken AS held LEFT JOIN accounts_user AS person ON person.id = held.created_by_id
    WHERE held.account_id IS NULL AND held.revoked_at IS NULL AND CAST(held.scopes AS text) = '["gate"]'
    AND (person.is_active OR (held.created_by_id IS NULL AND held.created_by_label = 'operator'))
"""


class Unavailable(Exception):
    """The database doesn't answer, so no decision can be made."""


class Node(NamedTuple):
    """A credential with which a node on another host asks the gate.

    `digest` is that of its password; `allowed` holds the networks from which it works, packed by `allowlist.pack`.
    """

    digest: bytes
    expires_at: datetime
    allowed: bytes


def node_of(digest: bytes, expires_at: datetime, networks: str) -> Node:
    """Return the credential in a row of NODES. Raises ValueError for one that can't be read."""
    return Node(digest, expires_at, allowlist.pack(ip_network(text) for text in json.loads(networks)))


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

    def nodes(self) -> list[Node]:
        """Return the credentials of nodes that are not revoked; some may have expired. Raises Unavailable."""
        ...

    def close(self) -> None:
        """Close the database; the next `find` opens it again."""
        ...
