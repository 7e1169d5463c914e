"""Single rows of the log and facts about all of them, wherever they are stored."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Max, Q

from simsim.credential.decision import Reason
from simsim.request_log.clickhouse import server
from simsim.request_log.models import LoggedRequest
from simsim.request_log.row_ids import first_id, moment_of
from simsim.request_log.search import clickhouse_rows
from simsim.request_log.search.conditions import everything_of

AT_ONCE = 900  # SQLite takes 999 values in a statement if it was built with its old limit


def row_with_id(account_id: UUID, row_id: int) -> LoggedRequest | None:
    """Return the account's row with this id, or None."""
    if server.is_home():
        found = clickhouse_rows.newest(everything_of(account_id).sql, row_id, row_id + 1, 1)
        return found[0] if found else None
    return LoggedRequest.objects.filter(pk=row_id, account_id=account_id).first()


def rows_with_ids(ids: Sequence[int]) -> Iterator[LoggedRequest]:
    """Yield the rows with these ids that exist, oldest first if the ids are in order."""
    if server.is_home():
        yield from clickhouse_rows.with_ids(ids)
        return
    for first in range(0, len(ids), AT_ONCE):
        yield from LoggedRequest.objects.filter(pk__in=ids[first : first + AT_ONCE]).order_by("pk")


def oldest_id(account_id: UUID, *, above: int, through: int) -> int | None:
    """Return the lowest id of the account's rows above `above` and up to `through`, or None."""
    if server.is_home():
        found = clickhouse_rows.ids_between(account_id, above + 1, through + 1)
        return found[0][0] if found else None
    rows = LoggedRequest.objects.filter(account_id=account_id, pk__gt=above, pk__lte=through).order_by("pk")
    return rows.values_list("pk", flat=True).first()


def newest_moment() -> datetime | None:
    """Return the time of the newest row of all, or None if there are no rows."""
    if server.is_home():
        extent = clickhouse_rows.extent()
        return moment_of(extent[1]) if extent else None
    newest = LoggedRequest.objects.aggregate(newest=Max("pk"))["newest"]
    return moment_of(newest) if newest else None


def refused_as_revoked(account_id: UUID, since: datetime) -> dict[UUID, int]:
    """Return the id of the newest row since then in which each token of the account was refused as revoked."""
    if server.is_home():
        return clickhouse_rows.last_refusals(account_id, Reason.REVOKED.value, first_id(since))
    # Repeat the condition of the index on refusals literally, or it would not be used.
    rows = LoggedRequest.objects.filter(~Q(reason=Reason.OK.value), account_id=account_id, pk__gte=first_id(since))
    revoked = rows.filter(reason=Reason.REVOKED.value, token_id__isnull=False).order_by()
    return dict(revoked.values_list("token_id").annotate(newest=Max("pk")))


def number_of_rows(at_most: int) -> int:
    """Return how many rows there are, but at most this number. ClickHouse may count a row for each of its versions."""
    if server.is_home():
        extent = clickhouse_rows.extent()
        return min(extent[2], at_most) if extent else 0
    return LoggedRequest.objects.order_by().values_list("pk")[:at_most].count()
