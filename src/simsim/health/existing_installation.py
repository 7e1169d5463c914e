"""Proves that the databases of an installation are present and safe, so that no new one is created in their place."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from simsim import sqlite_library
from simsim.problem import Unusable

# This file exists while the first `migrate` runs: if it is interrupted, it leaves keys without a database.
FIRST_MIGRATION_FILE = ".first-migration"
# This file exists while `restore` puts databases into place: if it is interrupted, they may not belong together.
RESTORE_FILE = ".restore-under-way"


class Operator(Protocol):
    """The settings that say where the files of an installation are."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def spool_dir(self) -> Path: ...
    @property
    def keys_dir(self) -> Path: ...
    @property
    def is_embedded(self) -> bool: ...
    @property
    def database_files(self) -> tuple[Path, ...]: ...


def is_missing(path: Path) -> bool:
    """Whether the file holds no database. An empty file counts as missing: opening a missing one may create it."""
    try:
        return path.stat().st_size == 0
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        raise Unusable(
            "The database %(path)s can't be read (%(reason)s)", path=str(path), reason=(error.strerror or "").lower()
        ) from error


def prove_files_safe(operator: Operator) -> None:
    """Raise Unusable if a database is a file that the SQLite in use could corrupt."""
    if operator.database_files:
        sqlite_library.prove_safe()


def missing_file_advice(operator: Operator, alias: str) -> str:
    """Return what to do about a missing database file, or "" if the database is not a missing file."""
    files = operator.database_files
    path = files[0] if alias == "default" and operator.is_embedded else files[-1] if files else None
    if path is None or not is_missing(path):
        return ""
    try:
        prove_not_moved_away(operator)
    except Unusable as problem:
        return str(problem)
    return f"{path} does not exist yet: run simsim migrate"


def prove_databases_present(operator: Operator) -> None:
    """Raise Unusable if a database file is missing, or if a restore was interrupted. Creates nothing."""
    prove_not_half_restored(operator)
    missing = [path for path in operator.database_files if is_missing(path)]
    if not missing:
        return
    prove_not_moved_away(operator)
    raise Unusable("The database %(path)s does not exist yet: run simsim migrate", path=str(missing[0]))


def prove_not_moved_away(operator: Operator) -> None:
    """Raise Unusable if a database is missing although other parts of its installation exist."""
    prove_not_half_restored(operator)
    if (operator.data_dir / FIRST_MIGRATION_FILE).exists():
        return
    files = operator.database_files
    if operator.is_embedded and is_missing(files[0]) and (found := next(leftovers(operator), None)):
        raise Unusable(
            "The database %(path)s is missing, but %(found)s exists: restore the database."
            " To start a new installation, use an empty SIMSIM_DATA_DIR",
            path=str(files[0]), found=str(found),
        )  # fmt: skip
    # Look for the log only in its default place: a log that the operator has just configured elsewhere is new. If the
    # operator creates an empty file, an empty log is allowed.
    log = operator.data_dir.absolute() / "request_log.sqlite3"
    if operator.is_embedded and log in files[1:] and not is_missing(files[0]) and not log.exists():
        raise Unusable(
            "The request log %(path)s is missing: restore it. To start an empty log: touch %(path)s", path=str(log)
        )


def prove_not_half_restored(operator: Operator) -> None:
    """Raise Unusable if a restore was interrupted after it began to replace the databases."""
    if (operator.data_dir / RESTORE_FILE).exists():
        raise Unusable("A restore was interrupted: run simsim restore again")


def leftovers(operator: Operator) -> Iterator[Path]:
    """Yield the files that show an earlier installation: its keys, its log, and log lines that wait to be shipped."""
    for name in ("token_keys", "secret_key"):
        if os.path.lexists(operator.keys_dir / name):
            yield operator.keys_dir / name
    for path in operator.database_files[1:]:
        if not is_missing(path):
            yield path
    yield from spooled(operator)


def spooled(operator: Operator) -> Iterator[Path]:
    if operator.spool_dir.is_dir():
        yield from (path for path in sorted(operator.spool_dir.iterdir()) if not path.name.startswith("."))
