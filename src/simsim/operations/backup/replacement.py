"""Putting a restored SQLite file into place: at each moment, the path holds the whole old or the whole new one."""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings

from simsim.audit.journal import sync_directory
from simsim.health.existing_installation import RESTORE_FILE
from simsim.problem import Unusable

SIDE_FILES = ("-wal", "-shm")


def staged_path(target: Path, name: str) -> Path:
    """Return where the copy `name` waits: on the disk of the database that it will replace."""
    return target.with_name(f".{target.name}.restored{Path(name).suffix}")


def mark() -> None:
    """Note that databases are being replaced. Until this is taken back, nothing starts."""
    path = settings.OPERATOR.data_dir.absolute() / RESTORE_FILE
    path.touch(mode=0o600)
    sync_directory(path.parent)


def unmark() -> None:
    (settings.OPERATOR.data_dir.absolute() / RESTORE_FILE).unlink(missing_ok=True)


def is_marked() -> bool:
    """Whether a restore was interrupted, so that the database here may be one that it has just put in place."""
    return (settings.OPERATOR.data_dir.absolute() / RESTORE_FILE).exists()


def moved_into_place(staged: Path, target: Path, *, now: datetime) -> set[Path]:
    """Replace a database file, and keep the old one in a folder beside it; return that folder, if there was one.

    Nothing may use either file.
    """
    prove_complete(staged)
    kept = set()
    if target.exists():
        aside = target.with_name(f"before-restore-{now:%Y%m%dT%H%M%S.%fZ}")
        aside.mkdir(mode=0o700, exist_ok=True)
        empty_wal(target)
        for name in (target.name, *(f"{target.name}{kind}" for kind in SIDE_FILES)):
            with suppress(FileNotFoundError):
                os.link(target.with_name(name), aside / name)
        # SQLite would write an old -wal over the new file.
        for kind in SIDE_FILES:
            target.with_name(f"{target.name}{kind}").unlink(missing_ok=True)
        sync_directory(aside)
        kept = {aside}
    staged.replace(target)
    sync_directory(target.parent)
    return kept


def empty_wal(path: Path) -> None:
    """Move what an old database has in its -wal into its file. A damaged one is kept as it is."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def prove_complete(path: Path) -> None:
    """Sync a database to disk; raise Unusable if some of it is still in its -wal."""
    empty_wal(path)
    if path.with_name(f"{path.name}-wal").exists():
        raise Unusable("The restored database %(path)s could not be completed", path=str(path))
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
