"""The data of an installation as JSON: sizes, retention, key ids and the last backup."""

from django.conf import settings
from django.db import DatabaseError, connections

from simsim.health import node
from simsim.health.backups import journal_state, last_backup
from simsim.health.status import database
from simsim.health.storage import tables
from simsim.rfc3339 import format_time
from simsim.tokens import sealing_keys


def document() -> dict[str, object]:
    """Return the data; `tables` and `keys` are None if a database does not answer. Shows no key."""
    operator, backup, journal, disk = settings.OPERATOR, last_backup(), journal_state(), node.disk()
    counted: list[dict[str, object]] | None
    keys: list[dict[str, object]] | None
    try:
        counted = [vars(table) for table in tables()]
        keys = [
            {
                "id": key.id,
                "encrypts_new": key.is_primary,
                "is_present": key.is_at_hand,
                "passwords": key.use.passwords if key.use else 0,
                "webhook_secrets": key.webhook_secrets,
            }
            for key in sealing_keys.inventory(settings.KEYRING)
        ]
    except DatabaseError:
        counted = keys = None
    return {
        "databases": [vars(database(alias)) for alias in connections],
        "tables": counted,
        "disk": disk and vars(disk),
        "retention_days": {
            "log": operator.log_retention_days,
            "emails": operator.mail_retention_days,
            "webhook_deliveries": operator.webhook_retention_days,
            "audit_events": operator.audit_retention_days,
        },
        "keys": keys,
        "last_backup": {"at": format_time(backup.at), "path": backup.path} if backup else None,
        "revocation_journal": {
            "path": str(journal.path),
            "changed_at": format_time(journal.changed_at),
            "size_bytes": journal.size_bytes,
            "trouble": journal.trouble or None,
        },
    }
