"""Rows into the log and ends into their rows, with all that is counted of them, in the caller's transaction."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import connections

from simsim.request_log import bulk, counting
from simsim.request_log.bulk import AT_ONCE
from simsim.request_log.counting import Counted
from simsim.request_log.joining import Open, Row, outcome_of
from simsim.request_log.lines import Completed
from simsim.request_log.models import Endpoint, LoggedRequest

COMPLETE = """
    UPDATE request_log_loggedrequest SET status = %s, outcome = %s, duration_seconds = %s, bytes = %s WHERE id = %s
"""


def store(rows: Sequence[Row], *, attempt: int = 0) -> list[int]:
    """Store rows, which come in the order of their time, with all that is counted of them; return their ids.

    Call it inside a transaction. Paths are masked here, and nowhere later.
    """
    alias = settings.REQUEST_LOG_ALIAS
    read = settings.REQUEST_LOG_PATHS.read
    masked: list[Row] = []
    names: list[str] = []
    for row in rows:
        resource, endpoint = read(row.resource)
        masked.append(row if resource == row.resource else row._replace(resource=resource))
        names.append(endpoint)
    keys = [(row.account_id.int, name) if row.account_id else None for row, name in zip(rows, names, strict=True)]
    known = bulk.endpoint_ids(filter(None, keys))
    endpoint_ids = (known[key] if key else None for key in keys)
    ids = bulk.insert(alias, masked, endpoint_ids, attempt=attempt)
    bulk.note_uses(alias, masked)
    bulk.add_counts(alias, counting.tally(list(_counted(masked, names))))
    return ids


def complete(ends: Sequence[tuple[Open, Completed]]) -> None:
    """Complete stored rows, and move what is counted of them. What was COUNTED_ALONE has no row to complete."""
    if not ends:
        return
    alias = settings.REQUEST_LOG_ALIAS
    ended = {opened.row_id: (opened, end) for opened, end in ends if opened.row_id}
    before: list[Counted] = []
    after: list[Counted] = []
    for pk, account_id, at, reason, status, endpoint, token_id in _as_stored(list(ended)):
        end = ended[pk][1]
        before.append(counting.counted(account_id, at, reason, status, None, endpoint, token_id))
        after.append(counting.counted(account_id, at, reason, end.status, end.seconds, endpoint, token_id))
    bulk.add_counts(alias, counting.tally(after, before))
    values = [
        (end.status, outcome_of(is_refused=opened.is_refused).value, end.seconds, end.bytes, row_id)
        for row_id, (opened, end) in ended.items()
    ]
    with connections[alias].cursor() as cursor:
        cursor.executemany(COMPLETE, values)


def _counted(rows: Iterable[Row], names: Iterable[str]) -> Iterator[Counted]:
    """Yield what counts of the rows; what nobody claimed belongs to nobody's usage."""
    for row, name in zip(rows, names, strict=True):
        if row.account_id is not None:
            yield counting.counted(
                row.account_id, row.received_at, row.reason, row.status, row.duration_seconds, name, row.token_id
            )


def _as_stored(row_ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """Yield id, account, time, reason, status, endpoint's name and token of those rows that belong to an account."""
    fields = ("pk", "account_id", "received_at", "reason", "status", "endpoint_id", "token_id")
    for first in range(0, len(row_ids), AT_ONCE):
        some = LoggedRequest.objects.filter(pk__in=row_ids[first : first + AT_ONCE], account_id__isnull=False)
        rows = list(some.values_list(*fields))
        names = dict(Endpoint.objects.filter(pk__in={row[5] for row in rows}).values_list("pk", "name"))
        for row in rows:
            yield (*row[:5], names.get(row[5], ""), row[6])
