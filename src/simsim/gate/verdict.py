"""Verdicts on credentials sent from one address, and how long each verdict is valid."""

import hashlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from simsim.gate.address import Located
from simsim.gate.answer import Answer
from simsim.gate.decided_line import Frame
from simsim.gate.limited import Limited
from simsim.gate.rated import Rated
from simsim.gate.refusals import Refusal

# About 10 MB per process, and at most 25. Verdicts that are larger, because of a long name or chain of proxies, are not
# kept.
MAX_VERDICTS = 8 * 1024
# Refusals have a smaller store of their own: otherwise a flood of them would displace every valid token.
MAX_REFUSALS = 1024
MAX_AUTHORIZATION_BYTES, MAX_FRAME_CHARACTERS = 256, 1024

Question = tuple[bytes, Located]


class Verdict(NamedTuple):
    """An answer, and the fixed parts of its line in the spool.

    While the database does not change, both are valid from `since` until just before `until`, in seconds since 1970. If
    the two times are equal, they are valid for one request only. `limited` decides about each request of a token with
    limits, and `rated` counts each request of a token with a rate. `refusal` is None unless the request is refused.
    """

    answer: Answer
    frame: Frame
    since: float
    until: float
    limited: Limited | None = None
    refusal: Refusal | None = None
    rated: Rated | None = None


class Verdicts:
    """The verdicts reached with one version of the database, stored by question."""

    def __init__(self) -> None:
        self._version: object | None = None
        self._known: dict[Question, Verdict] = {}
        self._refused: dict[Question, Verdict] = {}

    def recall(self, question: Question, version: object, now: float) -> Verdict | None:
        """Return the remembered verdict on this question if it is valid now and in this version, or None."""
        if version is not self._version:
            self._known, self._refused, self._version = {}, {}, version
        verdict = self._known.get(question) or self._refused.get(question)
        # A verdict is not valid before `since` either: a clock that is set back undoes an expiry.
        return verdict if verdict is not None and verdict.since <= now < verdict.until else None

    def remember(self, question: Question, version: object, verdict: Verdict) -> None:
        """Keep a verdict that is valid for more than one request, unless the version has changed since."""
        is_short = _size(verdict) <= MAX_FRAME_CHARACTERS
        if version is not self._version or verdict.since == verdict.until or not is_short:
            return
        # Keep refusals too: a repeated wrong password must take as long as a repeated right one.
        is_refused = verdict.refusal is not None
        store, other = (self._refused, self._known) if is_refused else (self._known, self._refused)
        store[question] = verdict
        # The earlier verdict on the question has ended, and would hide this one.
        other.pop(question, None)
        if len(store) > (MAX_REFUSALS if is_refused else MAX_VERDICTS):
            del store[next(iter(store))]


class SharedVerdicts:
    """The verdicts that still hold in the version last seen, stored by question; each depends on one token.

    Whoever reads the version forgets the verdicts on the tokens that have changed since.
    """

    def __init__(self) -> None:
        self._known: dict[Question, tuple[Verdict, bytes]] = {}
        self._refused: dict[Question, tuple[Verdict, bytes]] = {}
        self._questions: dict[bytes, set[Question]] = {}

    def recall(self, question: Question, now: float) -> Verdict | None:
        """Return the remembered verdict on this question if it is valid now, or None."""
        known = self._known.get(question) or self._refused.get(question)
        return known[0] if known is not None and known[0].since <= now < known[0].until else None

    def remember(self, question: Question, digest: bytes, verdict: Verdict) -> None:
        """Keep a verdict that is valid for more than one request, on the token under a password's digest."""
        if verdict.since == verdict.until or _size(verdict) > MAX_FRAME_CHARACTERS:
            return
        is_refused = verdict.refusal is not None
        store, other = (self._refused, self._known) if is_refused else (self._known, self._refused)
        store[question] = verdict, digest
        other.pop(question, None)
        self._questions.setdefault(digest, set()).add(question)
        if len(store) > (MAX_REFUSALS if is_refused else MAX_VERDICTS):
            oldest = next(iter(store))
            _, its_digest = store.pop(oldest)
            self._questions[its_digest].remove(oldest)
            if not self._questions[its_digest]:
                del self._questions[its_digest]

    def forget(self, digests: Collection[bytes] | None) -> None:
        """Forget the verdicts on the tokens under these digests, or all verdicts if the argument is None."""
        if digests is None:
            self._known.clear()
            self._refused.clear()
            self._questions.clear()
            return
        for digest in digests:
            for question in self._questions.pop(digest, ()):
                self._known.pop(question, None) or self._refused.pop(question, None)


def _size(verdict: Verdict) -> int:
    return len(verdict.frame.before) + len(verdict.frame.after)


def question_of(authorization: Sequence[bytes], located: Located) -> Question | None:
    """Return what a verdict depends on besides the time and the database, or None if the verdict must not be kept.

    The result holds a digest of the credentials: after parsing, nothing keeps the password itself.
    """
    if len(authorization) != 1 or len(authorization[0]) > MAX_AUTHORIZATION_BYTES:
        return None
    return hashlib.sha256(authorization[0]).digest(), located
