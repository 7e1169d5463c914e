"""Rows to forward, queued in the transaction that stores or completes them, so that every row is forwarded.

Ids follow the time of the requests, not the order in which rows are stored, so a reader that continues after the last
id would miss rows.
"""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from simsim.request_log.models import Shipment

MAX_ROWS = 500


def queue(row_ids: Iterable[int | None], *, now: datetime) -> None:
    """Queue rows if forwarding is configured. Call it in the transaction that stores or completes them."""
    if not settings.FORWARD_LOG:
        return
    # A request that was only counted has COUNTED_ONLY instead of a row's id.
    ids = [row_id for row_id in row_ids if row_id is not None and row_id > 0]
    Shipment.objects.bulk_create(
        Shipment(ids=some, size=len(some), queued_at=now, due_at=now)
        for some in (ids[first : first + MAX_ROWS] for first in range(0, len(ids), MAX_ROWS))
    )
