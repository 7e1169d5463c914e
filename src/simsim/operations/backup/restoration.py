"""Restoring a backup: lost revocations are applied to the new databases before anything decides with them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction

from simsim.accounts.permissions import OPERATOR
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.console_sessions.models import ConsoleSession
from simsim.health.doctor.restores import find_revived
from simsim.health.existing_installation import is_missing
from simsim.operations import migrate
from simsim.operations.backup import archive, postgresql, sealed_keys, verification
from simsim.operations.backup.archive import Archive
from simsim.operations.backup.knowledge import Knowledge, gather
from simsim.operations.backup.replacement import is_marked, mark, moved_into_place, staged_path, unmark
from simsim.operations.installation_lock import to_ourselves
from simsim.problem import Unusable
from simsim.tokens import hand_over_links, lost_changes
from simsim.tokens.lost_restrictions import Outcome, revoke_again


@dataclass(frozen=True)
class Choices:
    """What the operator chose on the command line."""

    journals: Sequence[Path] = ()
    identity: Path | None = None
    keep_log: bool = False
    revoke_unknown: bool = False
    ignore_connections: bool = False


@dataclass
class Report:
    """What a restore did, and what it could not know."""

    at: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    kept: set[Path] = field(default_factory=set)
    written_keys: list[Path] = field(default_factory=list)


def restore(path: Path, choices: Choices, *, now: datetime) -> Report:
    """Put the databases of a backup in the place of those in the settings. Raises Unusable."""
    home = settings.OPERATOR.data_dir.absolute()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with archive.opened(path) as found, to_ourselves(home):
            verification.prove_readable(path, found.manifest)
            verification.prove_fits(path, found.manifest)
            prove_possible(choices)
            return _restore(found, choices, now)
    except OSError as error:
        raise Unusable(
            "The backup can't be restored: %(path)s (%(reason)s)",
            path=str(error.filename or home), reason=(error.strerror or str(error)).lower(),
        ) from error  # fmt: skip


def _restore(found: Archive, choices: Choices, now: datetime) -> Report:
    aliases = [alias for alias in connections if not (choices.keep_log and alias != DEFAULT_DB_ALIAS)]
    report = Report(datetime.fromisoformat(found.manifest["at"]), counts=found.manifest["counts"])
    list(migrate.make_directories(settings.OPERATOR.data_dir.absolute()))
    # Read the old audit trail before it is replaced.
    knowledge = gather(choices.journals, found.manifest, with_old_trail=not is_marked())
    with unpacked(found, choices) as copies:
        if choices.identity:
            report.written_keys = sealed_keys.install(verification.keys_in(found, choices.identity))
        settings.OPERATOR.prove_secrets()
        for alias in sorted(aliases, key=lambda alias: alias == DEFAULT_DB_ALIAS):
            if connections[alias].vendor == "postgresql":
                load(alias, copies.pop(alias))
            else:
                open_staged(alias, copies[alias])
        bring_up_to_date(knowledge, choices, report, now)
        connections.close_all()
        mark()
        for alias in sorted(aliases, key=lambda alias: alias == DEFAULT_DB_ALIAS):
            if alias in copies:
                report.kept |= moved_into_place(copies.pop(alias), database_path(alias), now=now)
        unmark()
    return report


def load(alias: str, source: Path) -> None:
    """Load a dump. If that fails, the database is as it was, and so is the mark."""
    was_marked = is_marked()
    mark()
    try:
        postgresql.load(alias, source)
    except Unusable:
        if not was_marked:
            unmark()
        raise


def bring_up_to_date(knowledge: Knowledge, choices: Choices, report: Report, now: datetime) -> None:
    """Migrate the restored databases, and apply what they have lost. They open again when all of it is done."""
    migrate.bring_up_to_date()
    with transaction.atomic():
        apply_lost(knowledge, report, revoke_unknown=choices.revoke_unknown, now=now)
        # People may have signed out, or have been signed out, since.
        ConsoleSession.objects.all().delete()
        details = {"backup_of": report.at.isoformat(), "applied": len(report.outcomes), "unknown": report.unknown}
        recorder.record(Event.RESTORED, actor=OPERATOR, account_id=None, subject_id="", details=details, now=now)
        if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
            postgresql.lift_fence(DEFAULT_DB_ALIAS)
    for alias in connections:
        if alias != DEFAULT_DB_ALIAS and connections[alias].vendor == "postgresql" and not choices.keep_log:
            postgresql.lift_fence(alias)


def apply_journals(choices: Choices, *, now: datetime) -> Report:
    """Apply the journals to the databases as they are, after the server's own point-in-time recovery."""
    newest = lost_changes.newest_event()
    since = newest[1] if newest else now
    manifest: dict[str, Any] = {"at": since.isoformat(), "newest_event": None, "hosts": []}
    knowledge = gather(choices.journals, manifest, with_old_trail=False)
    report = Report(since)
    with transaction.atomic():
        apply_lost(knowledge, report, revoke_unknown=choices.revoke_unknown, now=now)
    return report


def apply_lost(knowledge: Knowledge, report: Report, *, revoke_unknown: bool, now: datetime) -> None:
    report.sources, report.unknown = knowledge.sources, list(knowledge.gaps)
    report.outcomes = lost_changes.apply_again(knowledge.changes, now=now)
    # What only the log knows: the gate has refused these tokens as revoked.
    report.outcomes += [revoke_again(token, at=at, now=now) for token, at in find_revived()]
    if taken_back := hand_over_links.take_back_all(OPERATOR, now=now):
        sentence = f"{taken_back} hand-over links were taken back: the backup does not know which were used since"
        report.outcomes.append(Outcome(Event.HAND_OVER_TAKEN_BACK, "", sentence))
    if revoke_unknown and knowledge.gaps:
        number = lost_changes.revoke_all(now=now)
        report.unknown.append(f"so all {number} active tokens were revoked (--revoke-unknown)")


def prove_possible(choices: Choices) -> None:
    if choices.keep_log and len(list(connections)) == 1:
        raise Unusable("--keep-log: the log is in the same database as the tokens, and is restored with them")
    log = settings.REQUEST_LOG_ALIAS
    if choices.keep_log and connections[log].vendor == "sqlite" and is_missing(database_path(log)):
        raise Unusable("--keep-log: there is no log to keep")
    for alias in connections:
        if connections[alias].vendor == "postgresql":
            postgresql.pass_fence(connections[alias])
            if not choices.ignore_connections:
                postgresql.prove_unused(alias)


@contextmanager
def unpacked(found: Archive, choices: Choices) -> Iterator[dict[str, Path]]:
    """Give the proven copies by alias, beside the databases that they will replace. What is left is deleted."""
    copies = {Path(name).stem: name for name in found.names if name != archive.KEYS}
    staged = {alias: staged_path(database_path(alias), name) for alias, name in copies.items()}
    left = dict(staged)
    try:
        # SQLite would write what a killed restore left beside its copy over this one.
        delete_staged(staged.values())
        for alias, name in copies.items():
            found.extract(name, staged[alias])
        verification.prove_contents(found, list(staged.values()), choices.identity)
        yield left
    finally:
        delete_staged(staged.values())


def delete_staged(paths: Iterable[Path]) -> None:
    for path in paths:
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)


def open_staged(alias: str, path: Path) -> None:
    """Let Django use the copy in place of the database."""
    connections[alias].close()
    connections[alias].settings_dict["NAME"] = f"{path.as_uri()}?mode=rw"


def database_path(alias: str) -> Path:
    """Return the database's SQLite file; on PostgreSQL, a name in the data directory for its dump."""
    operator = settings.OPERATOR
    if connections[alias].vendor == "postgresql":
        return operator.data_dir.absolute() / alias
    return operator.database_path if alias == DEFAULT_DB_ALIAS else operator.log_database_path
