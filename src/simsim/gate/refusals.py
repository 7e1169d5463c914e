"""Which refusals are throttled, and which are counted instead of being logged one by one.

Only refusals reach this module: the verdict comes first, so nobody's failures keep a valid token out.
"""

import asyncio
import math
from collections.abc import Callable
from typing import NamedTuple

from simsim.credential.decision import UNDECIDED, Cause, Decision, Reason, Record
from simsim.gate import answer
from simsim.gate.address import Located, network_of, site_of
from simsim.gate.answer import Answer
from simsim.gate.counted_refusals import REPORT_SECONDS, CountedRefusals
from simsim.gate.decided_line import Frame, frame
from simsim.gate.leaky_buckets import Cells, LeakyBuckets, cells_of
from simsim.gate.spool import Spool

# The failures of one address, or with one username, that are answered with 401. Beyond, they are answered with 429.
FAILURES_PER_ADDRESS, FAILURES_PER_USERNAME = 300, 3000
# The refusals without a known token that get a line of their own, in one minute: from one address, and in all.
LINES_PER_ADDRESS, LINES_PER_PROCESS = 300, 600
# The throttled refusals of one source that get a line of their own, as an example of the others, which are counted.
EXAMPLES_PER_SOURCE = 1
_EVERYBODY = cells_of(b"")

THROTTLED = Decision(Reason.THROTTLED, Cause.THROTTLED)
THROTTLED_USERNAME = Decision(Reason.THROTTLED, Cause.THROTTLED_USERNAME)


class Refusal(NamedTuple):
    """What decides how a refusal is answered and logged; `by_account` is None if the request claims no account."""

    reason: Reason
    account: str | None
    record: Record | None
    located: Located
    by_address: Cells
    by_account: Cells | None


def refusal_of(decision: Decision, *, account: str | None, record: Record | None, located: Located) -> Refusal | None:
    """Return the refusal that a decision is; None for an acceptance, and while nothing can be decided.

    `account` and `record` are those that the log may name.
    """
    if decision.reason is Reason.OK or decision is UNDECIDED:
        return None
    address = located.address
    by_address = cells_of(b"" if address is None else site_of(address))
    by_account = None if account is None else cells_of(account.encode("ascii"))
    return Refusal(decision.reason, account, record, located, by_address, by_account)


class FailureLimits:
    """The buckets of one process, which all of its gates share. They take 5 MiB at most, for any number of sources.

    `per_address` and `per_username` are failures in a minute, which may also come at once; 0 is no limit. Threads may
    use them at the same time: the worst that a race does is to lose a drop.
    """

    def __init__(self, per_address: int = FAILURES_PER_ADDRESS, per_username: int = FAILURES_PER_USERNAME) -> None:
        self._by_address = LeakyBuckets(per_address) if per_address else None
        self._by_username = LeakyBuckets(per_username) if per_username else None
        self._lines_by_address = LeakyBuckets(LINES_PER_ADDRESS)
        self._lines = LeakyBuckets(LINES_PER_PROCESS)
        self._examples = LeakyBuckets(EXAMPLES_PER_SOURCE)

    def throttle(self, refusal: Refusal, now: float) -> tuple[Cause, float] | None:
        """Return why a failure is throttled and for how many seconds, or None, and then count it as a failure.

        A request without credentials is no failure: many clients send one first, to be asked for the credentials.
        """
        if refusal.reason is Reason.NO_CREDENTIALS:
            return None
        by_address, by_username = self._by_address, None if refusal.by_account is None else self._by_username
        if by_address is not None and (seconds := by_address.wait(refusal.by_address, now)):
            return Cause.THROTTLED, seconds
        if by_username is not None and refusal.by_account is not None:
            if seconds := by_username.wait(refusal.by_account, now):
                return Cause.THROTTLED_USERNAME, seconds
            by_username.add(refusal.by_account, now)
        if by_address is not None:
            by_address.add(refusal.by_address, now)
        return None

    def is_example(self, refusal: Refusal, cause: Cause, now: float) -> bool:
        """Whether a throttled request gets a line of its own."""
        source = refusal.by_account if cause is Cause.THROTTLED_USERNAME else refusal.by_address
        return source is not None and self._examples.take(source, now) and self._lines.take(_EVERYBODY, now)

    def has_own_line(self, refusal: Refusal, now: float) -> bool:
        """Whether a refusal that is not throttled gets a line of its own.

        The refusals of known tokens always do: their number is limited by the failures that are not throttled.
        """
        if refusal.record is not None:
            return True
        return self._lines_by_address.take(refusal.by_address, now) and self._lines.take(_EVERYBODY, now)

    def is_flooding(self, refusal: Refusal, now: float) -> bool:
        """Whether the address of the request sends so much that its refusals are counted under its own name."""
        if self._lines_by_address.wait(refusal.by_address, now):
            return True
        return self._by_address is not None and bool(self._by_address.wait(refusal.by_address, now))


class Refusals:
    """The refusals of one gate: throttles them, and reports in the gate's spool those that it only counts."""

    def __init__(self, limits: FailureLimits, spool: Spool, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._spool = spool
        self._clock = clock
        self._counted = CountedRefusals()
        self._is_scheduled = False

    def treat(self, refusal: Refusal, said: Answer, framed: Frame, now: float) -> tuple[Answer, Frame | None]:
        """Return the answer to a refused request, and the frame of its line; None if it was counted instead.

        `said` and `framed` are those of a refusal that is neither throttled nor counted.
        """
        throttled, reason = self._limits.throttle(refusal, now), refusal.reason
        if throttled is None:
            if self._limits.has_own_line(refusal, now):
                return said, framed
            counted = answer.counted(reason)
        else:
            cause, wait = throttled
            reason, seconds = Reason.THROTTLED, max(1, math.ceil(wait))
            if self._limits.is_example(refusal, cause, now):
                return answer.throttle(seconds), _frame_of(refusal, cause)
            counted = answer.throttle(seconds, is_counted=True)
        # Most addresses of a wide flood send little: naming each would take a line for each.
        address = refusal.located.address
        network = network_of(address.text) if address and self._limits.is_flooding(refusal, now) else ""
        self._counted.add(reason, network=network, account=refusal.account or "", now=now)
        self.report_if_due(now)
        self._report_later()
        return counted, None

    def report_if_due(self, now: float) -> None:
        """Write the counts into the spool at most once a second."""
        if self._counted.is_due(now):
            self.report(now)

    def report(self, now: float) -> None:
        """Write the counts into the spool; where the disk has no room, keep them."""
        line = self._counted.line()
        if line is not None and self._spool.append_note(line):
            self._counted.forget(now)

    def _report_later(self) -> None:
        """Have the event loop write the last counts of a flood, if there is a loop; the next request does it else."""
        if self._is_scheduled:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._is_scheduled = True
        loop.call_later(REPORT_SECONDS, self._report_as_scheduled)

    def _report_as_scheduled(self) -> None:
        self._is_scheduled = False
        self.report(self._clock())


def _frame_of(refusal: Refusal, cause: Cause) -> Frame:
    decision = THROTTLED_USERNAME if cause is Cause.THROTTLED_USERNAME else THROTTLED
    located = refusal.located
    return frame(decision, account=refusal.account, record=refusal.record, address=located.address, via=located.via)
