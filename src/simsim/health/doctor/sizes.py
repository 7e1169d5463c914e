"""Findings about the size of the databases and of the tables that grow; how long these keep their rows is a setting."""

from collections.abc import Iterator

from django.db import connections

from simsim.audit.models import AuditEvent
from simsim.console_sessions.models import ConsoleSession
from simsim.health.doctor.findings import Finding
from simsim.health.installation import database_bytes, sqlite_file
from simsim.health.storage import table_sizes
from simsim.mail.models import OwedMail

MEGABYTE = 1024 * 1024
# The number of tables that are named on PostgreSQL.
MAX_TABLES = 3


def sizes() -> Iterator[Finding]:
    """Report the size of each database, and how many rows the growing tables of the tokens' database have."""
    rows = ((OwedMail, "emails"), (AuditEvent, "audit events"), (ConsoleSession, "sessions"))
    counts = ", ".join(f"{model._default_manager.count():,} {name}" for model, name in rows)
    # On PostgreSQL the log is usually in the same database: then its size is reported once.
    says = dict.fromkeys(f"{name_of(alias)}: {size_of(alias)}" for alias in connections)
    yield Finding("size", True, f"{'; '.join(says)}; {counts}")


def name_of(alias: str) -> str:
    """Return the name of a database: of its file, on SQLite."""
    connection = connections[alias]
    return sqlite_file(alias).name if connection.vendor == "sqlite" else str(connection.settings_dict["NAME"])


def size_of(alias: str) -> str:
    """Return the size of a database in words, on PostgreSQL with its largest tables."""
    whole = megabytes(database_bytes(alias))
    if connections[alias].vendor == "sqlite":
        return whole
    tables = ", ".join(f"{table} {megabytes(size)}" for table, size in table_sizes(alias)[:MAX_TABLES])
    return f"{whole} ({tables})"


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / MEGABYTE:,.1f} MiB"
