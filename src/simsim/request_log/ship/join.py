"""Matches each decision with the end of its request by the request's id, whichever arrives first. Does no I/O.

Each decision becomes one row. The end of a request completes its row. An end without a decision is kept until the
gate's lines have been read past the place where the decision must be. If there was no decision by then, the gate was
down: the end becomes a row of its own, or is dropped if it `needs_decision`. An end from a node on another host waits
longer: the gate that decided may be on another machine than the one that got the end, and be behind.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from simsim.credential.decision import Reason
from simsim.request_log.outcome import GatewayCause, Outcome, is_console_test
from simsim.request_log.row_ids import EPOCH
from simsim.request_log.ship.lines import Completed, Decided

# How long an end from a node on another host waits for a decision that another machine's worker has not shipped yet.
AWAITED = timedelta(hours=1)
REFUSED_STATUS = 401
PASSED_TEST_STATUS = 204
# A gateway's answers to a request that it can't read, because of an unknown transfer encoding or version.
UNREADABLE_STATUSES = frozenset({501, 505})
PREFLIGHT = Reason.OK, GatewayCause.PREFLIGHT, Outcome.ACCEPTED
STATUS_OF_REFUSALS: dict[str, int] = {Reason.UNAVAILABLE: 503, Reason.THROTTLED: 429, Reason.LIMIT: 403}


class RequestRow(NamedTuple):
    """One request to store: the fields of LoggedRequest in their order, without the id."""

    received_at: datetime
    account_id: uuid.UUID | None
    token_id: uuid.UUID | None
    token_name: str | None
    method: str
    resource: str
    status: int | None
    outcome: str
    reason: str
    cause: str
    duration_seconds: float | None
    bytes: int | None
    address: str | None
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """The stored half of a request whose other line is missing: the row of its decision, or its end; and since when.

    `row` is the row as text, if the log's rows are in ClickHouse.
    """

    row_id: int | None = None
    is_refused: bool = False
    completed: Completed | None = None
    since: datetime | None = None
    row: str | None = None


@dataclass(slots=True)
class Changes:
    """The changes that a batch of lines makes.

    `rows` are new and complete; `open_rows` are new, each under its request's id, and wait for their ends. `ends`
    complete stored rows. `held` are ends that wait for their decision. `settled` are request ids that no longer wait.
    """

    rows: list[RequestRow] = field(default_factory=list)
    open_rows: dict[str, RequestRow] = field(default_factory=dict)
    ends: list[tuple[Open, Completed]] = field(default_factory=list)
    held: list[Completed] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.open_rows) + len(self.ends)


def join(
    decided: Iterable[Decided],
    completed: Iterable[Completed],
    waiting: Mapping[str, Open],
    *,
    is_gate_read_to_its_end: bool,
    now: datetime,
) -> Changes:
    """Return the changes that the lines make; `waiting` holds the halves from earlier batches, by request id.

    `is_gate_read_to_its_end` means that each decision made here before these ends and those in `waiting` has been read.
    """
    changes = Changes()
    ends = {request_id: opened.completed for request_id, opened in waiting.items() if opened.completed}
    held_before = set(ends)
    rows_waiting = {request_id: opened for request_id, opened in waiting.items() if opened.row_id is not None}
    for end in completed:
        if opened := rows_waiting.pop(end.request_id, None):
            changes.ends.append((opened, end))
            changes.settled.append(end.request_id)
        elif end.request_id in ends:
            changes.rows += undecided_rows([end])
        else:
            ends[end.request_id] = end
    for decision in decided:
        request_id = decision.request_id
        matching = ends.pop(request_id, None)
        # A test from the console ends with the gate's answer.
        has_ended = matching is not None or is_console_test(decision.method, decision.resource)
        if has_ended or request_id in rows_waiting or request_id in changes.open_rows:
            # A proxy may repeat an id, or pass on one that a client made up. The next end is added to the first row.
            changes.rows.append(decided_row(decision, matching))
        else:
            changes.open_rows[request_id] = decided_row(decision)
    if is_gate_read_to_its_end:
        over = [each for each, end in ends.items() if not _is_awaited(end, waiting.get(each), now)]
        changes.rows += undecided_rows(map(ends.pop, over))
    changes.held += (end for request_id, end in ends.items() if request_id not in held_before)
    changes.settled += held_before - set(ends)
    return changes


def _is_awaited(end: Completed, opened: Open | None, now: datetime) -> bool:
    """Whether the decision on this end may still come from another machine."""
    return end.from_node and (opened is None or opened.since is None or opened.since > now - AWAITED)


def decided_row(decision: Decided, end: Completed | None = None) -> RequestRow:
    """Return the row of a decided request, which has also ended if `end` is given."""
    _, at, reason, cause, account_id, token_id, token_name, method, resource, address, via = decision
    status, open_outcome, outcome = _status_and_outcomes(reason)
    if end is None:
        if reason == Reason.OK and is_console_test(method, resource):
            status, open_outcome = PASSED_TEST_STATUS, outcome
        return RequestRow(
            at, account_id, token_id, token_name, method, resource, status, open_outcome, reason, cause, None, None,
            address, via,
        )  # fmt: skip
    return RequestRow(
        at, account_id, token_id, token_name, method, resource, end.status, outcome, reason, cause, end.seconds,
        end.bytes, address, via,
    )  # fmt: skip


@lru_cache(maxsize=len(Reason))
def _status_and_outcomes(reason: str) -> tuple[int | None, str, str]:
    """Return the status and the outcome of a decided request, and the outcome that it will have once it has ended."""
    if reason == Reason.OK:
        return None, Outcome.UNKNOWN.value, Outcome.ACCEPTED.value
    return STATUS_OF_REFUSALS.get(reason, REFUSED_STATUS), Outcome.REFUSED.value, Outcome.REFUSED.value


def outcome_of(*, is_refused: bool) -> Outcome:
    """Return the outcome of a decided request that has ended."""
    return Outcome.REFUSED if is_refused else Outcome.ACCEPTED


def undecided_rows(ends: Iterable[Completed]) -> Iterator[RequestRow]:
    """Yield the rows of ends without a decision, except those that need one.

    Another proxy may also serve requests that no gate decides. And if an end is read twice, for example from a copy of
    the log, its row is already complete.
    """
    return (undecided_row(end) for end in ends if not end.needs_decision)


def undecided_row(end: Completed) -> RequestRow:
    """Return the row of a request that reached no gate; it belongs to no account."""
    reason, cause, outcome = PREFLIGHT if end.is_preflight else _why_undecided(end.status)
    received_at = end.at - timedelta(seconds=end.seconds)
    return RequestRow(
        received_at=max(received_at, EPOCH),
        account_id=None,
        token_id=None,
        token_name=None,
        method=end.method,
        resource=end.resource,
        status=end.status,
        outcome=outcome,
        reason=reason,
        cause=cause,
        duration_seconds=end.seconds,
        bytes=end.bytes,
        address=end.address,
    )


def _why_undecided(status: int | None) -> tuple[Reason, GatewayCause, Outcome]:
    if status == STATUS_OF_REFUSALS[Reason.THROTTLED]:
        return Reason.THROTTLED, GatewayCause.TOO_MANY, Outcome.REFUSED
    if status == REFUSED_STATUS:
        # The gate answered, so it made a decision, but the line with the decision is lost.
        return Reason.UNAVAILABLE, GatewayCause.NO_DECISION, Outcome.REFUSED
    if status is not None and (400 <= status < 500 or status in UNREADABLE_STATUSES):
        return Reason.MALFORMED, GatewayCause.BAD_REQUEST, Outcome.REFUSED
    if status is not None and status >= 500:
        return Reason.UNAVAILABLE, GatewayCause.GATE_AWAY, Outcome.REFUSED
    return Reason.UNAVAILABLE, GatewayCause.NO_DECISION, Outcome.UNKNOWN
