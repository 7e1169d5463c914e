"""Counts refused requests without a known token per minute, instead of storing each one, once they exceed a rate.

A caller without a token can send as many requests as the network can carry. They must neither fill the disk nor hide
other requests. Requests that were refused because no decision could be made have rows: see MAX_STORED_IN_OUTAGE. In a
larger flood, the gates count refusals themselves, and their reports are added here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import connections

from simsim.credential.decision import Reason
from simsim.gate.address import network_of
from simsim.request_log.models import Flood
from simsim.request_log.outcome import Outcome
from simsim.request_log.ship.counted_lines import CountedRefusal
from simsim.request_log.ship.join import RequestRow

# The limit for one network in one minute. It allows five requests a second, so that the log has every request of a
# misconfigured program.
MAX_STORED_PER_MINUTE = 300
# While the gate can't decide, it can't tell customers' requests from others, so the log must have each of them. Only
# requests beyond five hundred a second from one network are counted, and no customer sends that many.
MAX_STORED_IN_OUTAGE = 30_000
UPSERT = """
    INSERT INTO request_log_flood AS kept (minute, network, account, stored, counted) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (minute, network, account) DO UPDATE SET
        stored = kept.stored + excluded.stored, counted = kept.counted + excluded.counted
"""

Identified = tuple[str | None, RequestRow]


class Source(NamedTuple):
    """A network that sent requests in one minute."""

    minute: datetime
    network: str


def sift(
    rows: Sequence[Identified], counted_by_gates: Iterable[CountedRefusal] = ()
) -> tuple[list[Identified], list[str]]:
    """Return the rows to store, and the request ids of the rows that were counted instead.

    The refusals that gates counted are added to the counts. A row comes with its request's id if the end of the request
    has not arrived yet. Call it in the transaction that stores the rows.
    """
    suspects = {at: _source(row) for at, (_, row) in enumerate(rows) if _is_suspect(row)}
    stored: Counter[tuple[Source, str]] = Counter()
    counted: Counter[tuple[Source, str]] = Counter()
    for refusal in counted_by_gates:
        counted[Source(refusal.minute, refusal.network), refusal.account] += refusal.number
    if not suspects:
        _note(stored, counted)
        return list(rows), []
    stored_so_far, known = _so_far(set(suspects.values()))
    kept: list[Identified] = []
    request_ids: list[str] = []
    for at, (request_id, row) in enumerate(rows):
        source = suspects.get(at)
        if source is None:
            kept.append((request_id, row))
            continue
        account = row.account_id.hex if row.account_id else ""
        if stored_so_far[source] < _max_stored(row):
            stored_so_far[source] += 1
            stored[source, account] += 1
            known.add((source, account))
            kept.append((request_id, row))
            continue
        # The accounts are only claimed and may be made up, so only those with a stored row in this minute get their own
        # count.
        counted[source, account if (source, account) in known else ""] += 1
        if request_id is not None:
            request_ids.append(request_id)
    _note(stored, counted)
    return kept, request_ids


def _is_suspect(row: RequestRow) -> bool:
    return row.token_id is None and row.outcome == Outcome.REFUSED


def _max_stored(row: RequestRow) -> int:
    return MAX_STORED_IN_OUTAGE if row.reason == Reason.UNAVAILABLE else MAX_STORED_PER_MINUTE


def _source(row: RequestRow) -> Source:
    return Source(row.received_at.replace(second=0, microsecond=0), network_of(row.address))


def _so_far(sources: set[Source]) -> tuple[Counter[Source], set[tuple[Source, str]]]:
    """Return the number of rows already stored for each source, and the accounts of these rows."""
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
    if not stored and not counted:
        return
    connection = connections[settings.REQUEST_LOG_ALIAS]
    adapt = connection.ops.adapt_datetimefield_value
    # Every node uses the same order, so that two nodes that update the same floods can't deadlock.
    values = [
        (adapt(source.minute), source.network, account, stored[source, account], counted[source, account])
        for source, account in sorted(stored.keys() | counted.keys())
    ]
    with connection.cursor() as cursor:
        cursor.executemany(UPSERT, values)
