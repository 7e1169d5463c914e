"""What `simsim doctor` says when the database is older than what was written beside it: a backup that was put back.

A token that was revoked after that backup was made works again. The request log is another file, or remembers as much.
"""

import uuid
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Max, Q
from django.utils import timezone

from simsim.accounts.models import Account
from simsim.credential.decision import Reason
from simsim.operations.doctor.findings import Finding
from simsim.operations.rounds import is_change_lost
from simsim.request_log.models import LoggedRequest, WorkerNode
from simsim.request_log.row_ids import first_id, moment_of
from simsim.tokens.models import Token

RECENT = timedelta(days=30)
MAX_NAMED = 10


def restored() -> Iterator[Finding]:
    """Say that an older database was put back, and which tokens that were revoked open the API again."""
    says = list(dict.fromkeys(lost_changes()))
    revived = list(revived_tokens())
    says += revived[:MAX_NAMED]
    if len(revived) > MAX_NAMED:
        says.append(f"and {len(revived) - MAX_NAMED} more")
    yield Finding("restored backup", not says, "; ".join(says) or "the database is as new as the log")


def lost_changes() -> Iterator[str]:
    """Yield that changes which a worker has seen are no longer in the audit trail."""
    now = timezone.now()
    for row in WorkerNode.objects.order_by("node"):
        if is_change_lost(row):
            until = row.change_at
        elif row.lost_changes_at is not None and row.lost_changes_at > now - RECENT:
            until = row.lost_changes_until
        else:
            continue
        yield (
            f"an older database was put back: changes until {until:%Y-%m-%d %H:%M:%S} UTC are missing. "
            "Revoke again what was revoked before that time"
        )


def revived_tokens() -> Iterator[str]:
    """Yield each token that is not revoked, although the gate has refused it because it was."""
    since = first_id(timezone.now() - RECENT)
    refused: dict[uuid.UUID, int] = {}
    for account_id in Account.objects.values_list("pk", flat=True):
        # Worded as the index is that holds the refusals alone.
        rows = LoggedRequest.objects.filter(~Q(reason=Reason.OK.value), account_id=account_id, pk__gte=since)
        revoked = rows.filter(reason=Reason.REVOKED.value, token_id__isnull=False).order_by()
        refused |= dict(revoked.values_list("token_id").annotate(newest=Max("pk")))
    for some in (list(refused)[start : start + 500] for start in range(0, len(refused), 500)):
        for token in Token.objects.filter(pk__in=some, revoked_at=None).order_by("name"):
            at = moment_of(refused[token.pk])
            yield f"“{token.name}” ({token.pk}) was refused as revoked on {at:%Y-%m-%d}, and is not: revoke it again"
