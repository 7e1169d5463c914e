"""The gate: it answers one question, "may this request pass?", with 204, 401, 403, 429 or 503 and nothing else.

Only the peer of a Unix socket and a trusted proxy may ask. Everybody else gets 404.
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from simsim.credential import basic, bearer
from simsim.credential.allowlist import Address
from simsim.credential.decision import (
    LIMIT_UNNAMED,
    UNDECIDED,
    Credentials,
    Decision,
    Reason,
    Record,
    decide,
    next_turn,
)
from simsim.gate import answer
from simsim.gate.address import Located, locate
from simsim.gate.answer import Answer
from simsim.gate.complaints import Complaints
from simsim.gate.counters import Counters
from simsim.gate.decided_line import CONSOLE_TEST, CONSOLE_TEST_METHOD, decided_line, frame, preflight_frame
from simsim.gate.decision_times import PAUSE_SECONDS, DecisionTimes
from simsim.gate.foreign_forms import ForeignForms
from simsim.gate.limited import limited
from simsim.gate.lookup import Lookup
from simsim.gate.rated import rated
from simsim.gate.refusals import FailureLimits, Refusals, refusal_of
from simsim.gate.request_id import is_request_id, new_request_id, parse_request_id
from simsim.gate.spool import Spool
from simsim.gate.verdict import Verdict, Verdicts, question_of
from simsim.gate.worker_health import WorkerHealth

VERIFY = "/gate/verify"
# Only `gate.rsgi` serves this path, and only on the gate's own socket. No proxy connects there to ask for a path that a
# caller chose.
CONSOLE_TEST_PATH = "/gate/console-test"
HEALTHZ = "/healthz"
READYZ = "/readyz"
Find = Callable[[bytes], Record | None]
# A float of seconds may round up to the microsecond at which a verdict changes.
CLOCK_STEP_SECONDS = 1e-6


def say_on_stderr(line: str) -> None:
    print(f"simsim gate: {line}", file=sys.stderr, flush=True)


class Request(NamedTuple):
    """The parts of one request that the gate reads. The proxy supplies the last four.

    `is_named`: the method and the target are the ones with which the API gets the request. Limits need to know.
    """

    peer: str | None
    method: str
    target: str
    authorization: Sequence[bytes]
    forwarded_for: Sequence[str]
    request_id: str | None = None
    forwarded_method: str | None = None
    forwarded_target: str | None = None
    is_named: bool = False


class Gate:
    """Decides requests, with one lookup, one spool and one clock. Each process and each thread has its own."""

    def __init__(
        self,
        lookup: Lookup,
        spool: Spool,
        trusted: bytes = b"",
        clock: Callable[[], float] = time.time,
        worker_health: Callable[[float], WorkerHealth] = lambda _: WorkerHealth(None),
        *,
        limits: FailureLimits | None = None,
        counters: Counters | None = None,
        say: Callable[[str], None] = say_on_stderr,
        announces_expiry: bool = True,
        accepts_bearer: bool = False,
    ) -> None:
        self._lookup = lookup
        self._spool = spool
        self._trusted = trusted
        self._clock = clock
        self._worker_health = worker_health
        self.complain = Complaints(say).about
        self._refusals = None if limits is None else Refusals(limits, spool, clock)
        self._counters = counters
        self._announces_expiry = announces_expiry
        self._parse = bearer.parse_either if accepts_bearer else basic.parse
        self._verdicts = Verdicts()
        self._foreign = ForeignForms()
        self._times = DecisionTimes()
        self._measures_at = 0.0

    def verify(self, request: Request) -> Answer:
        """Return the answer to one request after its line is in the spool. Never raises; when in doubt, answers 503."""
        try:
            now = self._clock()
            located = locate(request.peer, request.forwarded_for, self._trusted)
            # A caller who could ask without a proxy would learn from the reason that a stolen password is valid from
            # another network.
            if not located.is_trusted:
                return answer.NOT_FOUND
            return self._logged(request, self._verdict(request.authorization, located, now), now)
        except Exception as error:
            self.complain(error)
            return answer.UNDECIDED

    def let_preflight(self, request: Request) -> Answer:
        """Return the answer to a preflight that a node lets through, after its line is in the spool. Raises OSError."""
        request_id, method, target = _named(request)
        framed = preflight_frame(locate(request.peer, request.forwarded_for, self._trusted).address)
        self._spool.append(decided_line(request_id, self._clock(), framed, method=method, target=target))
        return answer.TAKEN

    def answer(self, path: str, method: str) -> Answer:
        """Return the answer to a request for any path but VERIFY: 404, except for the gate's own health.

        Denied by default: Envoy prepends its prefix to the caller's path, so an unknown path must never let a request
        in.
        """
        if method not in {"GET", "HEAD"}:
            return answer.NOT_FOUND
        if path == HEALTHZ:
            return answer.HEALTHY
        if path == READYZ:
            return self._readiness() if self.is_ready() else answer.UNDECIDED
        return answer.NOT_FOUND

    def is_ready(self) -> bool:
        """Whether the gate can decide now: the database answers, and a line can be written."""
        try:
            self._lookup.find(bytes(32))
            self._spool.open()
        except Exception as error:
            self.complain(error)
            return False
        return True

    def close(self) -> None:
        """Close the database and the spool."""
        if self._refusals is not None:
            self._refusals.report(self._clock())
        self._lookup.close()
        self._spool.close()

    def _readiness(self) -> Answer:
        return answer.ready(self._worker_health(self._clock()))

    def _logged(self, request: Request, verdict: Verdict, now: float) -> Answer:
        """Return the verdict's answer to this request after its line is in the spool."""
        said, framed, _, _, limits, refusal, counting = verdict
        request_id, method, target = _named(request)
        is_counted = False
        # A test from the console is about the credentials and the address, and makes no request.
        if limits is not None and not _is_console_test(request):
            breach = limits.limits.breach(method, target) if request.is_named else LIMIT_UNNAMED
            if breach is not None:
                said, framed = limits.enforce(breach, said)
        elif refusal is not None and self._refusals is not None and not _is_console_test(request):
            said, own_frame = self._refusals.treat(refusal, said, framed, now)
            framed, is_counted = own_frame or framed, own_frame is None
        if counting is not None and said.status == answer.LET_IN and not _is_console_test(request):
            said, framed = counting.enforce(self._counters, now) or (said, framed)
        if not is_counted:
            self._spool.append(decided_line(request_id, now, framed, method=method, target=target))
        # Compare with an attribute of our own: a call would cost ten times as much, for every request.
        if now >= self._measures_at:
            self._measure(now)
        # A proxy that sent an id also logs the request under it. Traefik sends no id, and logs the one in this answer.
        if request_id is request.request_id:
            return said
        return answer.naming(said, request_id)

    def _measure(self, began: float) -> None:
        """Note how long this decision took; report the times when that is due. A report may be lost."""
        now = self._clock()
        self._measures_at = now + PAUSE_SECONDS
        self._times.add(began, now)
        if line := self._times.report(now):
            self._spool.append_note(line)
        if self._refusals is not None:
            self._refusals.report_if_due(now)

    def _verdict(self, authorization: Sequence[bytes], located: Located, now: float) -> Verdict:
        """Return the verdict as of the last commit: a remembered one when nothing that it depends on has changed."""
        question = question_of(authorization, located)
        # Read the version before the row: if a commit comes between, the verdict is newer than its version, never
        # older.
        version = None if question is None else self._lookup.version()
        if question is None or version is None:
            return self._judge(self._parsed(authorization), located, now, self._lookup.find)
        verdict = self._verdicts.recall(question, version, now)
        if verdict is None:
            verdict = self._judge(self._parsed(authorization), located, now, self._lookup.find)
            self._verdicts.remember(question, version, verdict)
        return verdict

    def _parsed(self, authorization: Sequence[bytes]) -> Credentials | Decision:
        """Return the credentials or their refusal. Those of another form than ours count only if some were imported."""
        parsed = self._parse(authorization)
        if not basic.is_foreign(parsed):
            return parsed
        asked_at = self._foreign.asks_at()
        if asked_at is not None:
            try:
                self._foreign.learn(asked_at, are_admitted=self._lookup.holds_imported())
            except Exception as error:
                self.complain(error)
                return UNDECIDED
        return self._parse(authorization, admits_foreign=self._foreign.are_admitted)

    def _judge(self, credentials: Credentials | Decision, located: Located, now: float, find: Find) -> Verdict:
        """Return the verdict on parsed credentials, or on their refusal by the parser."""
        # Do not remember a verdict on credentials that the parser refuses: it is cheap to repeat, and strangers could
        # fill the memory with such verdicts.
        record, until = None, now
        if isinstance(credentials, Credentials):
            decision, record, until = self._decide(credentials, located.address, now, find)
            account: str | None = credentials.username or (record.account_id if record else None)
        else:
            decision, account = credentials, credentials.claim
        if decision.reason is Reason.OK and record is not None:
            said, until = self._accepted(record, now, until)
        else:
            said = answer.UNDECIDED if decision is UNDECIDED else answer.refuse(decision.reason)
        framed = frame(decision, account=account, record=record, address=located.address, via=located.via)
        refusal = refusal_of(decision, account=account, record=record, located=located)
        return Verdict(
            said, framed, now, until, limited(decision, record, located), refusal,
            rated(decision, record, located),
        )  # fmt: skip

    def _accepted(self, record: Record, now: float, until: float) -> tuple[Answer, float]:
        """Return the answer that lets a request in, and until when it stays the same."""
        if not self._announces_expiry:
            return answer.accept(record), until
        begins = record.expires_at.timestamp() - answer.ANNOUNCED_SECONDS
        if now < begins:
            return answer.accept(record), max(now, min(until, begins - CLOCK_STEP_SECONDS))
        return answer.accept(record, announces=True), until

    def _decide(
        self, credentials: Credentials, address: Address | None, now: float, find: Find
    ) -> tuple[Decision, Record | None, float]:
        """Return the decision, the record if the token belongs to the claimed account, and when the decision ends."""
        try:
            record = find(credentials.digest)
            moment = datetime.fromtimestamp(now, UTC)
            decision = decide(credentials, record, address=address, now=moment)
            turn = next_turn(record, moment)
        except Exception as error:
            self.complain(error)
            return UNDECIDED, None, now
        # The log of the claimed account must not name another account's token.
        is_own = record is not None and credentials.username in (None, record.account_id)
        until = math.inf if turn is None else turn.timestamp() - CLOCK_STEP_SECONDS
        return decision, record if is_own else None, until


def _is_console_test(request: Request) -> bool:
    """Whether an administrator tests credentials in the console, who must learn the reason."""
    return request.method == CONSOLE_TEST_METHOD and request.target == CONSOLE_TEST


def _named(request: Request) -> tuple[str, str, str]:
    """Return the request's id, method and target as the proxy states them, for the log and for limits."""
    request_id = request.request_id
    if request_id is None or not is_request_id(request_id):
        request_id = parse_request_id(request_id or "") or new_request_id()
    return request_id, request.forwarded_method or request.method, request.forwarded_target or request.target
