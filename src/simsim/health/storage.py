"""How much the installation stores: its tables, with a bounded count of their rows."""

from dataclasses import dataclass

from django.contrib.sessions.models import Session
from django.db import connections, router
from django.db.models import Model

from simsim.accounts.models import Account, User
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.request_log.models import LoggedRequest, UsageCount
from simsim.request_log.search import stored_rows
from simsim.tokens.models import Token

# A count reads every row that it counts, and a table may have millions.
MAX_COUNTED = 100_000
GROWING: tuple[tuple[str, type[Model]], ...] = (
    ("Accounts", Account), ("People", User), ("Tokens", Token), ("Requests in the log", LoggedRequest),
    ("Usage counts", UsageCount), ("Emails", OwedMail), ("Audit events", AuditEvent), ("Sign-in sessions", Session),
)  # fmt: skip
# The partitions of a table count as that table.
SIZES = """
    SELECT COALESCE(pg_partition_root(oid), oid)::regclass::text, SUM(pg_total_relation_size(oid))::bigint
    FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
    GROUP BY 1 ORDER BY 2 DESC
"""


@dataclass(frozen=True)
class Table:
    """A table: `rows` is at most MAX_COUNTED, and `has_more` says that there are more; `size_bytes` is None on SQLite.

    `size_bytes` includes the indexes.
    """

    name: str
    rows: int
    has_more: bool
    size_bytes: int | None


def tables() -> list[Table]:
    """Return the tables that grow with use. Raises DatabaseError."""
    sizes = {alias: table_sizes(alias) for alias in connections}
    found = []
    for name, model in GROWING:
        if model is LoggedRequest:
            rows = stored_rows.number_of_rows(MAX_COUNTED + 1)
        else:
            rows = model._default_manager.order_by().values_list("pk")[: MAX_COUNTED + 1].count()
        size = dict(sizes[router.db_for_read(model)]).get(model._meta.db_table)
        found.append(Table(name, min(rows, MAX_COUNTED), rows > MAX_COUNTED, size))
    return found


def table_sizes(alias: str) -> list[tuple[str, int]]:
    """Return the tables of a database on PostgreSQL with their sizes in bytes, the largest first; [] on SQLite."""
    if connections[alias].vendor != "postgresql":
        return []
    with connections[alias].cursor() as cursor:
        cursor.execute(SIZES)
        return [(str(table), int(size)) for table, size in cursor.fetchall()]
