"""Prepares an installation: directories, schema, cache table, the console's files.

Idempotent, and quick if there is nothing to do.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from simsim.accounts.models import Account
from simsim.accounts.permissions import OPERATOR
from simsim.audit import adoption, journal
from simsim.health import schema
from simsim.health.existing_installation import FIRST_MIGRATION_FILE, is_missing, prove_not_moved_away, spooled
from simsim.operations.migration_lock import migration_lock
from simsim.problem import Unusable
from simsim.request_log.clickhouse import server, table
from simsim.tokens import password_ends, sealing_keys

PRIVATE, PRIVATE_FILE = 0o700, 0o600
NO_DATABASE = "there is no database yet"


def migrate(*, makes_shared_keys: bool = False) -> list[str]:
    """Bring everything up to date and return one sentence for each change. Concurrent calls wait for one another.

    With `makes_shared_keys`, an empty PostgreSQL database gets keys too, which the operator copies to the other nodes.
    Raises Unusable if a database was moved away, or if the data directory can't be written.
    """
    home = settings.OPERATOR.data_dir.absolute()
    try:
        made = [] if home.exists() else [home]
        home.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        with migration_lock(home), marking_first_migration():
            made += [*make_directories(home), *make_files(makes_shared_keys=makes_shared_keys)]
            if journal.begin(settings.JOURNAL, now=timezone.now()):
                made.append(settings.JOURNAL)
            return [f"Created {path}" for path in made] + bring_up_to_date()
    except OSError as error:
        raise Unusable(
            "SIMSIM_DATA_DIR: %(path)s can't be written (%(reason)s)",
            path=str(error.filename or home), reason=(error.strerror or str(error)).lower(),
        ) from error  # fmt: skip


def bring_up_to_date() -> list[str]:
    done = []
    for alias in connections:
        if schema.is_behind(alias):
            # A migration is one transaction, so server-side cursors work even behind a pooler, and tables need not fit
            # into memory.
            connections[alias].settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = False
            # A person sees each step as it begins and ends: some take minutes on a large log.
            shown = int(sys.stderr.isatty())
            call_command("migrate", database=alias, verbosity=shown, interactive=False, stdout=sys.stderr)
            done.append(f"Migrated the database “{alias}”")
    if settings.LOG_CLICKHOUSE is not None and prepare_clickhouse():
        done.append("Created the log's table in ClickHouse")
    accounts = Account.objects.values_list("pk", flat=True)
    if (number := adoption.begin_chains(accounts, actor=OPERATOR, now=timezone.now())) is not None:
        done.append(f"Began the chains of the audit trail, with {number} earlier events")
    if number := password_ends.fill_in(settings.KEYRING):
        done.append(f"Noted the last characters of passwords: {number}")
    if not has_cache_table():
        call_command("createcachetable", database=DEFAULT_DB_ALIAS, verbosity=0)
        done.append("Created the cache table")
    if not are_files_collected():
        collect_files()
        done.append("Collected the console's files")
    return done


def prepare_clickhouse() -> bool:
    """Create the table of the log's rows if it is missing; return whether it was. Raises Unusable."""
    try:
        if not (missing := table.missing_columns()):
            return False
        table.create()
        missing = table.missing_columns()
    except server.Unanswered as error:
        raise Unusable("SIMSIM_LOG_DATABASE_URL: %(why)s", why=str(error)) from error
    if missing:
        raise Unusable(
            "SIMSIM_LOG_DATABASE_URL: the table %(table)s in ClickHouse is not ours, or is damaged: %(missing)s",
            table=table.TABLE, missing=", ".join(missing),
        )  # fmt: skip
    return True


def prove_up_to_date() -> None:
    """Raise Unusable if migrate() has something to do, or if secrets are missing or belong to another installation."""
    prove_not_moved_away(settings.OPERATOR)
    if behind := outstanding():
        raise Unusable("Not up to date (%(what)s): run simsim migrate", what=", ".join(behind))
    settings.OPERATOR.prove_secrets()
    if (held := sealing_keys.ids()) and not held & settings.KEYRING.ids():
        raise Unusable(
            "SIMSIM_TOKEN_KEYS decrypts none of the passwords in the database: restore the key %(key_id)s"
            " (simsim doctor explains)",
            key_id=min(held),
        )


def outstanding() -> list[str]:
    """Return what migrate() would bring up to date, in a few words each."""
    if any(map(is_missing, settings.OPERATOR.database_files)):
        return [NO_DATABASE]
    behind = [f"database “{alias}”" for alias in connections if schema.is_behind(alias)]
    return behind + ([] if are_files_collected() else ["the console's files"])


@contextmanager
def marking_first_migration() -> Iterator[None]:
    """Keep a marker file during a first migration: interrupted, it must not look like a database that was moved."""
    prove_not_moved_away(settings.OPERATOR)
    prove_spool_is_of_this_database()
    mark = settings.OPERATOR.data_dir.absolute() / FIRST_MIGRATION_FILE
    if settings.OPERATOR.is_embedded and is_missing(settings.OPERATOR.database_files[0]):
        mark.touch(mode=0o600)
    yield
    mark.unlink(missing_ok=True)


def prove_spool_is_of_this_database() -> None:
    """Raise Unusable for an empty PostgreSQL database if there are log lines from an earlier database."""
    if settings.OPERATOR.is_embedded or is_begun():
        return
    if found := next(spooled(settings.OPERATOR), None):
        raise Unusable(
            "SIMSIM_DATABASE_URL names an empty database, but %(found)s exists: is it the right one?"
            " To start a new installation, use an empty SIMSIM_DATA_DIR",
            found=str(found),
        )


def make_directories(home: Path) -> Iterator[Path]:
    """Create the data directory's folders, readable only by their owner, and yield those that were missing."""
    elsewhere = {path.parent for path in settings.OPERATOR.database_files} - {home}
    for path in (home, home / "spool", home / "run", home / "keys"):
        if not path.exists():
            path.mkdir(parents=True, mode=PRIVATE)
            yield path
        # Restrict existing folders too: with access to `run`, a user can ask the gate; with access to `keys`, they can
        # read passwords.
        path.chmod(PRIVATE)
    for path in sorted(elsewhere):
        if not path.exists():
            path.mkdir(parents=True, mode=PRIVATE)
            yield path


def make_files(*, makes_shared_keys: bool) -> Iterator[Path]:
    """Create missing secrets and empty database files. Nothing else creates them."""
    files = settings.OPERATOR.database_files
    is_new = is_missing(files[0]) if settings.OPERATOR.is_embedded else makes_shared_keys and not is_begun()
    if is_new:
        yield from settings.OPERATOR.make_missing_secrets()
    # Another process may have made them while this one waited for the lock.
    settings.SECRET_KEY = settings.OPERATOR.django_secret()
    settings.OPERATOR.prove_secrets()
    for path in files:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
            yield path
        make_private(path)


def make_private(path: Path) -> None:
    """Let only the owner read a database and its SQLite side files: they hold digests and sealed passwords."""
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if each.exists():
            each.chmod(PRIVATE_FILE)


def is_begun() -> bool:
    """Whether the database of tokens has been migrated, at least in part."""
    return MigrationRecorder(connections[DEFAULT_DB_ALIAS]).has_table()


def has_cache_table() -> bool:
    tables = connections[DEFAULT_DB_ALIAS].introspection.table_names()
    return settings.CACHES["default"]["LOCATION"] in tables


def collect_files() -> None:
    """Collect the console's files; those of earlier versions stay, because a running console still refers to them."""
    stamp().unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    # Write the fingerprint last, so that an interrupted collection is repeated.
    stamp().write_text(files_fingerprint(), encoding="ascii")


def are_files_collected() -> bool:
    return stamp().is_file() and stamp().read_text(encoding="ascii") == files_fingerprint()


def stamp() -> Path:
    """Return the file that holds the fingerprint of the collected files. It is not served."""
    return Path(settings.STATIC_ROOT).with_suffix(".collected")


def files_fingerprint() -> str:
    """Return a digest of the names, sizes and modification times of the files to collect."""
    facts = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list(ignore_patterns=[]):
            found = Path(storage.path(path)).stat()
            facts.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return facts.hexdigest()
