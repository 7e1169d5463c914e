"""Findings about a restored backup: the database is then older than the data outside it.

Tokens that were revoked after the backup work again. The request log shows this, by its requests or by what the workers
noted there.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from simsim.accounts.models import Account
from simsim.health.doctor.findings import Finding
from simsim.health.worker_reports import is_change_lost
from simsim.request_log.models import WorkerNode
from simsim.request_log.row_ids import moment_of
from simsim.request_log.search import stored_rows
from simsim.tokens.models import Token

RECENT = timedelta(days=30)
MAX_NAMED = 10


def restored() -> Iterator[Finding]:
    """Report that an older database was restored, and which revoked tokens work again."""
    says = list(dict.fromkeys(lost_changes()))
    revived = list(revived_tokens())
    says += revived[:MAX_NAMED]
    if len(revived) > MAX_NAMED:
        says.append(f"and {len(revived) - MAX_NAMED} more")
    yield Finding("restored backup", not says, "; ".join(says) or "the database is as new as the log")


def lost_changes() -> Iterator[str]:
    """Yield a sentence for each node whose worker saw changes that the audit trail no longer has."""
    now = timezone.now()
    for row in WorkerNode.objects.order_by("node"):
        if is_change_lost(row):
            until = row.change_at
        elif row.lost_changes_at is not None and row.lost_changes_at > now - RECENT:
            until = row.lost_changes_until
        else:
            continue
        yield (
            f"an older database was restored: changes until {until:%Y-%m-%d %H:%M:%S} UTC are missing. "
            "Revoke again what was revoked before that time"
        )


def revived_tokens() -> Iterator[str]:
    """Yield a sentence for each unrevoked token that the gate has refused as revoked."""
    for token, at in find_revived():
        yield f"“{token.name}” ({token.pk}) was refused as revoked on {at:%Y-%m-%d}, but works again: revoke it"


def find_revived() -> Iterator[tuple[Token, datetime]]:
    """Yield each unrevoked token that the gate has refused as revoked, and when it last did."""
    since = timezone.now() - RECENT
    refused: dict[uuid.UUID, int] = {}
    for account_id in Account.objects.values_list("pk", flat=True):
        refused |= stored_rows.refused_as_revoked(account_id, since)
    for some in (list(refused)[start : start + 500] for start in range(0, len(refused), 500)):
        for token in Token.objects.filter(pk__in=some, revoked_at=None).order_by("name"):
            yield token, moment_of(refused[token.pk])
