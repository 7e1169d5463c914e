"""What `simsim migrate` would do to these databases: in words, how long it takes, and how much disk it needs."""

import inspect
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration, operations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation

# The code that runs before may still read or write what these change.
BREAKING = (
    operations.RemoveField,
    operations.DeleteModel,
    operations.RenameField,
    operations.RenameModel,
    operations.AlterField,
    operations.AlterModelTable,
)
# These read or write every row of a table.
SLOW = (
    operations.AddIndex,
    operations.AddConstraint,
    operations.AlterField,
    operations.RunPython,
    operations.RunSQL,
)
# A row that is read and written takes this many times as long as one that is only read.
WRITING_FACTOR = 10
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class Step:
    """A pending migration: what it does, and whether the running code works while it runs and after it.

    `seconds` is an estimate from this database's own speed, and `disk_bytes` is the space that it needs meanwhile.
    """

    database: str
    name: str
    does: list[str]
    runs_beside: bool
    seconds: float
    disk_bytes: int

    def document(self) -> dict[str, object]:
        return {
            "database": self.database, "migration": self.name, "does": self.does, "runs_beside": self.runs_beside,
            "seconds": round(self.seconds, 1), "disk_bytes": self.disk_bytes,
        }  # fmt: skip

    def sentence(self) -> str:
        beside = "beside the running code" if self.runs_beside else "only while Simsim is stopped"
        size = f"{self.disk_bytes / 1_000_000:,.0f} MB of disk"
        return f"{self.name}: {'; '.join(self.does)}. Runs {beside}; about {max(1, round(self.seconds))} s, {size}"


def pending() -> list[Step]:
    """Return the migrations that `simsim migrate` would run, in their order. Changes nothing."""
    steps = []
    for alias in connections:
        executor = MigrationExecutor(connections[alias])
        for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
            # Each database notes the migrations of all, and runs its own.
            if router.allow_migrate(alias, migration.app_label):
                steps.append(step(migration, connections[alias]))
    return steps


def runs_beside(operation: Operation) -> bool:
    """Whether the code before, which does not know of the operation, can read and write during and after it."""
    if isinstance(operation, operations.AddField):
        # That code leaves the column out of the rows that it writes.
        field = operation.field
        return field.null or field.has_db_default() or field.many_to_many is True
    return not isinstance(operation, BREAKING)


def step(migration: Migration, connection: BaseDatabaseWrapper) -> Step:
    tables = {table for each in migration.operations if isinstance(each, SLOW) for table in tables_of(each, migration)}
    present = [table for table in sorted(tables) if table in connection.introspection.table_names()]
    return Step(
        connection.alias,
        f"{migration.app_label}.{migration.name}",
        list(words(migration)),
        all(map(runs_beside, migration.operations)),
        sum(seconds_to_rewrite(table, connection) for table in present),
        sum(size_of(table, connection) for table in present),
    )


def words(migration: Migration) -> Iterator[str]:
    """Yield what the migration does: its author's sentence if there is one, else each operation in Django's words."""
    if said := inspect.getdoc(inspect.getmodule(type(migration))):
        yield " ".join(said.split()).rstrip(".")
        return
    for each in migration.operations:
        yield each.describe()


def tables_of(operation: Operation, migration: Migration) -> Iterator[str]:
    """Yield the tables whose rows an operation reads or writes: any of its application's when it is code of ours."""
    model = getattr(operation, "model_name", None)
    if model:
        yield f"{migration.app_label}_{model.lower()}"
        return
    for each in apps.get_app_config(migration.app_label).get_models():
        yield each._meta.db_table


def seconds_to_rewrite(table: str, connection: BaseDatabaseWrapper) -> float:
    """Return how long it takes to read and write a table's rows, by the time for reading some of them here."""
    quoted = connection.ops.quote_name(table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {quoted}")  # noqa: S608 - a table of ours
        rows = int(cursor.fetchone()[0])
        began = time.perf_counter()
        cursor.execute(f"SELECT * FROM {quoted} LIMIT {SAMPLE_ROWS}")  # noqa: S608
        read = len(cursor.fetchall())
    return (time.perf_counter() - began) * WRITING_FACTOR * rows / max(read, 1)


def size_of(table: str, connection: BaseDatabaseWrapper) -> int:
    """Return the bytes that a table takes with its indexes; on SQLite, those of the whole file as an upper bound."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        else:
            cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [table])
        return int(cursor.fetchone()[0])


def free_bytes() -> int:
    """Return the free disk of the data directory, where SQLite's files are unless they were moved."""
    files = settings.OPERATOR.database_files
    return shutil.disk_usage(files[0].parent if files else settings.OPERATOR.data_dir).free
