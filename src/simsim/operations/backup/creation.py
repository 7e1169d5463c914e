"""Writing a backup while everything runs."""

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.recorder import MigrationRecorder

from simsim.audit import journal
from simsim.audit.models import AuditEvent
from simsim.health.backups import note_backup
from simsim.operations.backup import archive, sealed_keys
from simsim.operations.backup.contents import COUNTED
from simsim.operations.backup.pace import give_way
from simsim.operations.backup.snapshots import Snapshot, snapshots
from simsim.request_log.models import WorkerNode
from simsim.request_log.ship import save
from simsim.request_log.ship.backlog import backlog

NEWEST_EVENT = "SELECT id FROM audit_auditevent ORDER BY id DESC LIMIT 1"


def create(path: Path, *, recipients: Sequence[str], now: datetime) -> dict[str, Any]:
    """Write a backup of both databases to `path`, and return its manifest.

    The keys are in it, encrypted, if there are recipients. Raises Unusable; an older file of that name then stays.
    """
    sealed = sealed_keys.seal(recipients) if recipients else None
    give_way()
    # The journal must reach back to before the backup, or a restore could not know what it lacks.
    journal.begin(settings.JOURNAL, now=now)
    with archive.written(path) as unfinished:
        with snapshots() as taken:
            manifest = describe(taken, now)
            copies = [snapshot.copy_into(unfinished.folder) for snapshot in taken]
        for copy in copies:
            unfinished.add(copy)
            copy.unlink()
        if sealed is not None:
            keys = unfinished.folder / archive.KEYS
            keys.write_bytes(sealed)
            unfinished.add(keys)
        unfinished.finish(manifest)
    return manifest | {"has_keys": sealed is not None, "is_noted": is_noted(path, now)}


def is_noted(path: Path, now: datetime) -> bool:
    """Note the backup for `simsim doctor` and the operator's page; return False if the note can't be written."""
    try:
        note_backup(path, at=now)
    except OSError:
        return False
    return True


def describe(taken: Sequence[Snapshot], now: datetime) -> dict[str, Any]:
    """Return what the manifest says about the databases at the moment of the snapshots."""
    by_alias = {snapshot.alias: snapshot for snapshot in taken}
    tokens = by_alias[DEFAULT_DB_ALIAS]
    log = by_alias[settings.REQUEST_LOG_ALIAS]
    counts = {
        words: (log if words == "log_rows" else tokens).fetch(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608
        for words, table in COUNTED.items()
    }
    # Only these columns: the database may be of an earlier version.
    newest = AuditEvent.objects.filter(pk__in=[row[0] for row in tokens.fetch(NEWEST_EVENT)]).only("at").first()
    waits = backlog(settings.OPERATOR.spool_dir, save.positions())
    return {
        "version": version("simsim"),
        "at": now.isoformat(),
        "vendors": {alias: connections[alias].vendor for alias in by_alias},
        "migrations": sorted(
            f"{app}.{name}" for app, name in MigrationRecorder(connections[DEFAULT_DB_ALIAS]).applied_migrations()
        ),
        "counts": counts,
        "newest_event": [newest.pk, newest.at.isoformat()] if newest else None,
        "hosts": sorted(set(WorkerNode.objects.values_list("host", flat=True))),
        "unshipped_lines": waits.lines if waits else 0,
    }
