"""Compares the schema of the databases with the one that this version expects."""

from functools import cache

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

Names = frozenset[tuple[str, str]]


def is_behind(alias: str) -> bool:
    """Whether this database lacks a migration."""
    executor = MigrationExecutor(connections[alias])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def differences(alias: str) -> tuple[int, int]:
    """Return how many migrations this database lacks, and how many it has that this version does not know.

    Costs one query, unlike `is_behind`, which also puts the migrations in order.
    """
    known, applied = known_migrations(), frozenset(MigrationRecorder(connections[alias]).applied_migrations())
    ours = {app for app, _ in known}
    return len(known - applied), len({(app, name) for app, name in applied - known if app in ours})


@cache
def known_migrations() -> Names:
    """Return the migrations that this version brings. They are files, which don't change while it runs."""
    loader = MigrationLoader(None)
    return frozenset(loader.disk_migrations)
