"""Stores a batch's rows, positions and waiting lines in one transaction: all of them or none."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, Value
from django.db.models.functions import Least

from simsim.request_log import node_totals
from simsim.request_log.clickhouse import server
from simsim.request_log.gaps import LogGap
from simsim.request_log.models import COUNTED_ONLY, OpenRequest, RetentionMark, SetAsideLine, SpoolPosition
from simsim.request_log.node_totals import TotalKind
from simsim.request_log.outcome import Outcome
from simsim.request_log.row_ids import first_id
from simsim.request_log.ship import floods, forward_queue, insert
from simsim.request_log.ship.batch import Move, Reading
from simsim.request_log.ship.bulk_sql import MAX_VALUES
from simsim.request_log.ship.counted_lines import CountedRefusal
from simsim.request_log.ship.join import Changes, Open, RequestRow
from simsim.request_log.ship.lines import Missed, completed_line, parse_completed

ATTEMPTS = 6
REFUSED_STAYS_OPEN = timedelta(hours=1)
ACCEPTED_STAYS_OPEN = timedelta(days=7)
LATE = timedelta(hours=23)  # addresses are kept for a day at least
Item = TypeVar("Item")


class Overtaken(Exception):
    """Another worker has shipped lines from the same file in the meantime, so this batch was not stored."""


def positions() -> dict[str, int]:
    """Return the number of shipped bytes of each file, by its identity."""
    return dict(SpoolPosition.objects.values_list("identity", "offset"))


def waiting(request_ids: Iterable[str]) -> dict[str, Open]:
    """Return the stored halves of those requests with these ids whose other line is still missing."""
    found: dict[str, Open] = {}
    for some in _slices(request_ids):
        found |= _opened(Q(pk__in=some))
    return found


def ends_without_decision(spool: str) -> dict[str, Open]:
    """Return the ends from a spool that wait for their decision."""
    return _opened(Q(row_id=None, spool=spool))


def save(changes: Changes, reading: Reading, *, spool: str, now: datetime) -> None:
    """Store the changes that the lines make, and the new positions in their files. Raises Overtaken."""
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
                _save(changes, reading, spool, now, attempt)
        except IntegrityError:
            # Another batch has already used an id for a request of the same microsecond. Nothing was stored.
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return


def forget_position(identity: str) -> None:
    """Delete the position of a file that is gone."""
    SpoolPosition.objects.filter(pk=identity).delete()


def close_abandoned(now: datetime, step: int = MAX_VALUES) -> bool:
    """Stop waiting for ends that will not arrive: some proxies never report how a request ended.

    Return whether there may be more of them.
    """
    closed = 0
    for is_refused, longest in ((True, REFUSED_STAYS_OPEN), (False, ACCEPTED_STAYS_OPEN)):
        old = OpenRequest.objects.filter(is_refused=is_refused, opened_at__lt=now - longest, row_id__isnull=False)
        closed += OpenRequest.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:step])).delete()[0]
    # Those that wait for a decision are forgotten by their own machine, unless it is gone.
    held = OpenRequest.objects.filter(row_id=None, opened_at__lt=now - ACCEPTED_STAYS_OPEN)
    closed += OpenRequest.objects.filter(pk__in=list(held.values_list("pk", flat=True)[:step])).delete()[0]
    return closed >= step


def _opened(condition: Q) -> dict[str, Open]:
    columns = ("request_id", "row_id", "is_refused", "completed", "opened_at", "row")
    return {
        request_id: Open(row_id, is_refused, parse_completed(line) if line else None, opened_at, row)
        for request_id, row_id, is_refused, line, opened_at, row in OpenRequest.objects.filter(condition).values_list(
            *columns
        )
    }


def _move(move: Move) -> None:
    # The condition is the lock: of two workers that read the same lines, only one stores them, on any machine.
    if move.start is not None:
        moved = SpoolPosition.objects.filter(pk=move.identity, offset=move.start)
        if not moved.update(offset=move.end, name=move.name):
            raise Overtaken
        return
    try:
        SpoolPosition.objects.create(identity=move.identity, name=move.name, offset=move.end)
    except IntegrityError as error:
        raise Overtaken from error


def _save(changes: Changes, reading: Reading, spool: str, now: datetime, attempt: int) -> None:
    for move in reading.moves.values():
        _move(move)
    for some in _slices(changes.settled):
        # Two gates can have the end of one request, when a node has sent it twice: only one worker settles it.
        if OpenRequest.objects.filter(pk__in=some).delete()[0] != len(some):
            raise Overtaken
    opened = _insert(changes, reading, attempt, spool, now)
    # Without a gateway, no end will arrive. If a request id is already open, it stays with its first row.
    OpenRequest.objects.bulk_create(opened if reading.has_gateway else [], ignore_conflicts=True)
    _prove_not_awaited([each.request_id for each in opened], spool)
    held = (
        OpenRequest(end.request_id, completed=completed_line(end), spool=spool, opened_at=now) for end in changes.held
    )
    try:
        OpenRequest.objects.bulk_create(held)
    except IntegrityError as error:  # another worker has just stored the decision
        raise Overtaken from error
    insert.complete(changes.ends, spool=spool)
    if not server.is_home():  # a row in ClickHouse is forwarded once it is there
        forward_queue.queue((opened.row_id for opened, _ in changes.ends), now=now)
    SetAsideLine.objects.bulk_create(SetAsideLine(found_at=now, **line._asdict()) for line in reading.broken)
    node_totals.add(spool, _amounts(changes, reading))


def _prove_not_awaited(row_ids: Iterable[str], spool: str) -> None:
    """Raise Overtaken if another worker has meanwhile stored the end of such a request: the next round joins it."""
    held_elsewhere = OpenRequest.objects.filter(row_id=None).exclude(spool=spool)
    if held_elsewhere.exists() and any(held_elsewhere.filter(pk__in=some).exists() for some in _slices(row_ids)):
        raise Overtaken


def _amounts(changes: Changes, reading: Reading) -> dict[tuple[TotalKind, str], float]:
    """Return what a batch adds to the totals of its node."""
    rows = chain(changes.rows, changes.open_rows.values())
    decisions = Counter(row.reason for row in rows)
    for refusal in _counted(reading):
        decisions[refusal.reason] += refusal.number
    classes = enumerate(map(sum, zip(*(each.counts for each in reading.timed), strict=True)))
    return {
        **{(TotalKind.DECISIONS, reason): number for reason, number in decisions.items()},
        **{(TotalKind.MEASURED, str(nth)): number for nth, number in classes},
        (TotalKind.MEASURED_SECONDS, ""): sum(each.seconds for each in reading.timed),
        (TotalKind.LINES, ""): len(reading.decided) + len(reading.completed) + len(reading.missed),
        (TotalKind.LINES_SET_ASIDE, ""): len(reading.broken),
        (TotalKind.MISSED_REQUESTS, ""): sum(gap.requests for gap in reading.missed),
    }


def _counted(reading: Reading) -> Iterator[CountedRefusal]:
    return (refusal for report in reading.counted for refusal in report.refusals)


def _insert(changes: Changes, reading: Reading, attempt: int, spool: str, now: datetime) -> list[OpenRequest]:
    """Store the new rows, in the order of their time; return the open requests."""
    rows: list[tuple[str | None, RequestRow]] = [(None, row) for row in changes.rows]
    rows += changes.open_rows.items()
    rows.sort(key=lambda item: item[1].received_at)
    kept, counted_only = floods.sift(rows, _counted(reading))
    _shorten_again([row.received_at for _, row in rows[:1]] + [each.minute for each in _counted(reading)], now)
    opened = {}
    if kept:
        stored = insert.store_rows([row for _, row in kept], attempt=attempt, spool=spool)
        if not server.is_home():
            forward_queue.queue(stored.ids, now=now)
        opened = {request_id: at for at, (request_id, _) in enumerate(kept) if request_id is not None}
    requests = [
        OpenRequest(
            request_id, row_id=stored.ids[at], is_refused=kept[at][1].outcome == Outcome.REFUSED, row=stored.text(at),
            spool=spool, opened_at=now,
        )
        for request_id, at in opened.items()
    ]  # fmt: skip
    # Their ends will arrive, and must not become rows of their own.
    return requests + [
        OpenRequest(
            request_id, row_id=COUNTED_ONLY, is_refused=changes.open_rows[request_id].outcome == Outcome.REFUSED,
            spool=spool, opened_at=now,
        )
        for request_id in counted_only
    ]  # fmt: skip


def _shorten_again(times: list[datetime], now: datetime) -> None:
    """Take the mark of shortened addresses back to lines that arrive late: see `address_retention`."""
    oldest = min(times, default=now)
    if oldest < now - LATE:
        # In any case an update: it waits for a worker that is about to move the mark.
        marked = RetentionMark.objects.filter(shortened_to__isnull=False)
        marked.update(shortened_to=Least("shortened_to", Value(first_id(oldest))))


def _slices(items: Iterable[Item], length: int = MAX_VALUES) -> Iterator[list[Item]]:
    left = iter(items)
    while some := list(islice(left, length)):
        yield some


def unknown_gaps(missed: Sequence[Missed]) -> list[Missed]:
    """Return the gaps that are not stored yet, each once: a node may report one again."""
    found = {gap.gap_id: gap for gap in missed}
    known = LogGap.objects.filter(pk__in=list(found)).values_list("pk", flat=True) if found else ()
    return [gap for gap_id, gap in found.items() if gap_id not in known]


def save_gaps(missed: Iterable[Missed], *, now: datetime) -> None:
    """Store the gaps that gates reported. Call it in the transaction that stores the positions of their lines."""
    # An id that is already stored comes from the same line: no other line can have the same 128 random bits.
    LogGap.objects.bulk_create(
        (LogGap(gap.gap_id, gap.requests, gap.began_at, gap.at, now) for gap in missed), ignore_conflicts=True
    )
