"""What the installation stores: sizes, how long it keeps what, keys, the last backup and the revocation journal."""

from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from simsim.console.operators.access import OperatorAccess, for_operators
from simsim.health import node, sentences
from simsim.health.backups import journal_state, last_backup
from simsim.health.status import database
from simsim.health.storage import Table, tables
from simsim.tokens import sealing_keys


@require_safe
@for_operators
def data(access: OperatorAccess) -> HttpResponse:
    """Show sizes, retention, the keys by their ids, the last backup and the journal. No key is shown."""
    operator, disk, counted = settings.OPERATOR, node.disk(), found_tables()
    context = {
        "databases": [database(alias) for alias in connections],
        "tables": counted,
        "has_sizes": all(table.size_bytes is not None for table in counted or ()),
        "disk": sentences.of_disk(disk) if disk else None,
        "spool": operator.spool_dir,
        "retention": [
            (_("Requests in the log, and usage"), operator.log_retention_days, "SIMSIM_LOG_RETENTION_DAYS"),
            (_("Emails that were sent or given up"), operator.mail_retention_days, "SIMSIM_MAIL_RETENTION_DAYS"),
            (_("Audit events"), operator.audit_retention_days, "SIMSIM_AUDIT_RETENTION_DAYS"),
        ],
        "keys": sealing_keys.inventory(settings.KEYRING),
        "backup": last_backup(),
        "journal": journal_state(),
    }
    return access.page("data", context)


def found_tables() -> list[Table] | None:
    """Return the tables, or None if a database does not answer."""
    try:
        return tables()
    except DatabaseError:
        return None
