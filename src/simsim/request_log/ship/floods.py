"""Refused requests without a known token, beyond a rate: counted by the minute instead of stored one by one.

What we refused because no decision could be made is no flood, and has its rows: see STORED_IN_AN_OUTAGE.
Whoever knows no token can send as many as the network carries; they must neither fill the disk nor hide the others.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import connections

from simsim.credential.decision import Reason
from simsim.gate.address import network_of
from simsim.request_log.models import Flood
from simsim.request_log.outcome import Outcome
from simsim.request_log.ship.join import RequestRow

# So many from one network in one minute are stored: five a second, which a broken program may send and shall find.
STORED_A_MINUTE = 300
# Of refusals of our own making, while the gate can't decide: whose they are nobody knows then, so a customer's must be
# found one by one. Only what no customer sends, five hundred a second from one network, is counted.
STORED_IN_AN_OUTAGE = 30_000
UPSERT = """
    INSERT INTO request_log_flood AS kept (minute, network, account, stored, counted) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (minute, network, account) DO UPDATE SET
        stored = kept.stored + excluded.stored, counted = kept.counted + excluded.counted
"""

Identified = tuple[str | None, RequestRow]


class Source(NamedTuple):
    """Where requests come from, in one minute."""

    minute: datetime
    network: str


def sift(rows: Sequence[Identified]) -> tuple[list[Identified], list[str]]:
    """Return the rows that are stored, and the request ids of those that were counted instead.

    Rows come with their requests' ids where their ends are still to come. Call it in the transaction that stores them.
    """
    suspects = {at: _source(row) for at, (_, row) in enumerate(rows) if _is_suspect(row)}
    if not suspects:
        return list(rows), []
    stored_so_far, known = _so_far(set(suspects.values()))
    stored: Counter[tuple[Source, str]] = Counter()
    counted: Counter[tuple[Source, str]] = Counter()
    kept: list[Identified] = []
    request_ids: list[str] = []
    for at, (request_id, row) in enumerate(rows):
        source = suspects.get(at)
        if source is None:
            kept.append((request_id, row))
            continue
        account = row.account_id.hex if row.account_id else ""
        if stored_so_far[source] < _most_stored(row):
            stored_so_far[source] += 1
            stored[source, account] += 1
            known.add((source, account))
            kept.append((request_id, row))
            continue
        # Accounts are claimed, and may be made up: those that were stored in this minute have a count of their own.
        counted[source, account if (source, account) in known else ""] += 1
        if request_id is not None:
            request_ids.append(request_id)
    _note(stored, counted)
    return kept, request_ids


def _is_suspect(row: RequestRow) -> bool:
    return row.token_id is None and row.outcome == Outcome.REFUSED


def _most_stored(row: RequestRow) -> int:
    return STORED_IN_AN_OUTAGE if row.reason == Reason.UNAVAILABLE else STORED_A_MINUTE


def _source(row: RequestRow) -> Source:
    return Source(row.received_at.replace(second=0, microsecond=0), network_of(row.address))


def _so_far(sources: set[Source]) -> tuple[Counter[Source], set[tuple[Source, str]]]:
    """Return how many were stored of each source before, and of which accounts."""
    stored: Counter[Source] = Counter()
    known: set[tuple[Source, str]] = set()
    minutes = {source.minute for source in sources}
    found = Flood.objects.filter(minute__gte=min(minutes), minute__lte=max(minutes))
    for minute, network, account, number in found.values_list("minute", "network", "account", "stored"):
        if (source := Source(minute, network)) in sources:
            stored[source] += number
            known.add((source, account))
    return stored, known


def _note(stored: Counter[tuple[Source, str]], counted: Counter[tuple[Source, str]]) -> None:
    connection = connections[settings.REQUEST_LOG_ALIAS]
    adapt = connection.ops.adapt_datetimefield_value
    # In one order everywhere: two nodes that note the same may wait for each other, but not in a circle.
    values = [
        (adapt(source.minute), source.network, account, stored[source, account], counted[source, account])
        for source, account in sorted(stored.keys() | counted.keys())
    ]
    with connection.cursor() as cursor:
        cursor.executemany(UPSERT, values)
