"""Makes an installation ready: directories, schema, cache table, the console's files. Idempotent, quick when done."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

PRIVATE, PRIVATE_FILE = 0o700, 0o600


def migrate() -> list[str]:
    """Do what is to be done and return what was done, a sentence each."""
    done = [f"Made {path}" for path in make_directories()]
    for path in sqlite_files():
        make_private(path)
    for alias in connections:
        if is_behind(alias):
            call_command("migrate", database=alias, verbosity=0, interactive=False)
            done.append(f"Migrated the database “{alias}”")
    if not has_cache_table():
        call_command("createcachetable", database=DEFAULT_DB_ALIAS, verbosity=0)
        done.append("Made the cache table")
    if not are_files_collected():
        collect_files()
        done.append("Collected the console's files")
    return done


def waiting() -> list[str]:
    """Return what migrate() would still do, in a few words each."""
    behind = [f"database “{alias}”" for alias in connections if is_behind(alias)]
    return behind + ([] if are_files_collected() else ["the console's files"])


def make_directories() -> Iterator[Path]:
    """Make the data directory's rooms, readable by their owner alone, and yield those that were missing."""
    home = settings.OPERATOR.data_dir.absolute()
    for path in (home, home / "spool", home / "run", home / "keys"):
        if not path.exists():
            path.mkdir(parents=True, mode=PRIVATE)
            yield path
        # An existing directory too: whoever can enter `run` can ask the gate, whoever can enter `keys` reads passwords.
        path.chmod(PRIVATE)


def sqlite_files() -> Iterator[Path]:
    """Yield where the SQLite databases are."""
    for connection in connections.all():
        if connection.vendor == "sqlite":
            yield Path(connection.settings_dict["NAME"])


def make_private(path: Path) -> None:
    """Let only its owner read a database, which holds digests and sealed passwords, and the files beside it.

    SQLite gives those the permissions of the database, which is why the file is made before SQLite would make it.
    """
    path.touch(mode=PRIVATE_FILE)
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if each.exists():
            each.chmod(PRIVATE_FILE)


def is_behind(alias: str) -> bool:
    """Whether a migration waits to be applied to this database."""
    executor = MigrationExecutor(connections[alias])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def has_cache_table() -> bool:
    tables = connections[DEFAULT_DB_ALIAS].introspection.table_names()
    return settings.CACHES["default"]["LOCATION"] in tables


def collect_files() -> None:
    """Collect the console's files beside those of earlier versions, which a console still running refers to."""
    stamp().unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    # Last, so that a collection that was cut short is repeated.
    stamp().write_text(files_fingerprint(), encoding="ascii")


def are_files_collected() -> bool:
    return stamp().is_file() and stamp().read_text(encoding="ascii") == files_fingerprint()


def stamp() -> Path:
    """Return the file beside the collected ones, outside of what is served, that says what was collected."""
    return Path(settings.STATIC_ROOT).with_suffix(".collected")


def files_fingerprint() -> str:
    """Return a digest of which files there are to collect, and of their sizes and times of change."""
    facts = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list(ignore_patterns=[]):
            found = Path(storage.path(path)).stat()
            facts.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return facts.hexdigest()
