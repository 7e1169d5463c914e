"""Lines become rows: a decision and its end are joined by the request's id, whatever comes first. Pure.

Each decision becomes one row, always. The end of a request completes its row; an end without a decision waits, and once
the gate's lines are read to where its decision must stand, it becomes a row of its own: the gate was away. Not so
where it `needs_decision`: then it is forgotten.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from simsim.credential.decision import Reason
from simsim.request_log.outcome import GatewayCause, Outcome
from simsim.request_log.row_ids import EPOCH
from simsim.request_log.ship.lines import Completed, Decided

REFUSED_STATUS = 401
# What a gateway answers to a request that is no HTTP of its own: an unknown transfer encoding, an unknown version.
UNREADABLE_STATUSES = frozenset({501, 505})
STATUS_OF_REFUSALS: dict[str, int] = {Reason.UNAVAILABLE: 503, Reason.THROTTLED: 429}


class RequestRow(NamedTuple):
    """One request, as it is stored: the fields of LoggedRequest after its id, in their order."""

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
    """What is stored of a request of which one line is missing: the row of its decision, or its end."""

    row_id: int | None = None
    is_refused: bool = False
    completed: Completed | None = None


@dataclass(slots=True)
class Changes:
    """What a batch of lines changes.

    `rows` are new; `open_rows` too, and their ends are still to come, under the given request ids. `ends` complete
    stored rows. `held` are ends that wait for their decision; `settled` are the ids that nothing waits for any more.
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
) -> Changes:
    """Return what the lines change, given what is `waiting` of earlier batches under their request ids.

    `is_gate_read_to_its_end` says that every decision that preceded these ends, and the ends in `waiting`, was read.
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
        if matching := ends.pop(request_id, None):
            changes.rows.append(decided_row(decision, matching))
        elif request_id in rows_waiting or request_id in changes.open_rows:
            # A proxy may repeat an id, or pass on what a client made up. The first row of an id gets the next end.
            changes.rows.append(decided_row(decision))
        else:
            changes.open_rows[request_id] = decided_row(decision)
    if is_gate_read_to_its_end:
        changes.rows += undecided_rows(ends.values())
        ends.clear()
    changes.held += (end for request_id, end in ends.items() if request_id not in held_before)
    changes.settled += held_before - set(ends)
    return changes


def decided_row(decision: Decided, end: Completed | None = None) -> RequestRow:
    """Return the row of a request that was decided, and ended if `end` is given."""
    _, at, reason, cause, account_id, token_id, token_name, method, resource, address, via = decision
    status, open_outcome, outcome = _told_by(reason)
    if end is None:
        return RequestRow(
            at, account_id, token_id, token_name, method, resource, status, open_outcome, reason, cause, None, None,
            address, via,
        )  # fmt: skip
    return RequestRow(
        at, account_id, token_id, token_name, method, resource, end.status, outcome, reason, cause, end.seconds,
        end.bytes, address, via,
    )  # fmt: skip


@lru_cache(maxsize=len(Reason))
def _told_by(reason: str) -> tuple[int | None, str, str]:
    """Return the status and the outcome of a request that was decided, and its outcome once it has ended."""
    if reason == Reason.OK:
        return None, Outcome.UNKNOWN.value, Outcome.ACCEPTED.value
    return STATUS_OF_REFUSALS.get(reason, REFUSED_STATUS), Outcome.REFUSED.value, Outcome.REFUSED.value


def outcome_of(*, is_refused: bool) -> Outcome:
    """Return the outcome of a request that was decided and has ended."""
    return Outcome.REFUSED if is_refused else Outcome.ACCEPTED


def undecided_rows(ends: Iterable[Completed]) -> Iterator[RequestRow]:
    """Yield the rows of ends for which there is no decision, without those that are none of ours then.

    A proxy of another make may serve more than what the gate protects; and an end that is told once more, by a copy of
    its log for instance, finds its row completed already.
    """
    return (undecided_row(end) for end in ends if not end.needs_decision)


def undecided_row(end: Completed) -> RequestRow:
    """Return the row of a request that no gate decided: it belongs to no account."""
    reason, cause, outcome = _why_undecided(end.status)
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
        # The gate answered, so a decision was made, and its line is lost.
        return Reason.UNAVAILABLE, GatewayCause.NO_DECISION, Outcome.REFUSED
    if status is not None and (400 <= status < 500 or status in UNREADABLE_STATUSES):
        return Reason.MALFORMED, GatewayCause.BAD_REQUEST, Outcome.REFUSED
    if status is not None and status >= 500:
        return Reason.UNAVAILABLE, GatewayCause.GATE_AWAY, Outcome.REFUSED
    return Reason.UNAVAILABLE, GatewayCause.NO_DECISION, Outcome.UNKNOWN
