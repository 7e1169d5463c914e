"""Findings about the last backup of this node, and about the journal without which a restore would not know enough."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from simsim.health.backups import journal_state, last_backup, note_path
from simsim.health.doctor.findings import Finding, not_started
from simsim.health.sentences import span

MAX_AGE = timedelta(days=7)


def journal() -> Iterator[Finding]:
    """Report a revocation journal that can't be written: changes take place without it."""
    found = journal_state()
    if not found.path.parent.exists() and found.path.parent == settings.OPERATOR.data_dir:
        yield not_started("revocation journal", "can be checked after simsim migrate")
    elif found.trouble:
        says = f"{found.path}: {found.trouble}. A restore will not know what was revoked: check SIMSIM_JOURNAL"
        yield Finding("revocation journal", False, says)
    elif found.changed_at is None:
        yield not_started("revocation journal", f"{found.path} begins with the first backup or revocation")
    else:
        yield Finding("revocation journal", True, f"{found.path} can be written")


def backup() -> Iterator[Finding]:
    """Report that the last backup of this node is old. Only `simsim backup` is known here."""
    found = last_backup()
    if found is None:
        yield not_started("backup", "simsim backup has not made one on this node; other ways are not known here")
        return
    age = timezone.now() - found.at
    says = f"the last one is {span(age)} old: {found.path}"
    if age > MAX_AGE:
        says += f". Run simsim backup; if you back up in another way now, delete {note_path()}"
    yield Finding("backup", age <= MAX_AGE, says)
