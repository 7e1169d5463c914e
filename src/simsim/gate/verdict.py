"""What is decided about credentials that come from one place, and how long it holds."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from simsim.gate.address import Located
from simsim.gate.answer import Answer
from simsim.gate.line import Frame

# About 10 MB a process, 25 at most. What a long name or a long way makes longer is judged for each request.
REMEMBERED = 8 * 1024
MAX_AUTHORIZATION_BYTES, MAX_FRAME = 256, 1024

Question = tuple[bytes, Located]


class Verdict(NamedTuple):
    """An answer, and the frame of the line that tells of it.

    They hold from `since` until just before `until`, in seconds since 1970, unless the database changes: where the two
    are the same, for one request.
    """

    said: Answer
    frame: Frame
    since: float
    until: float


class Verdicts:
    """The verdicts reached on one version of the database, by the question that each answers."""

    def __init__(self) -> None:
        self._version: object | None = None
        self._known: dict[Question, Verdict] = {}

    def recall(self, question: Question, version: object, now: float) -> Verdict | None:
        """Return the verdict on an equal question that holds now, in this version; None when there is none."""
        if version is not self._version:
            self._known, self._version = {}, version
        verdict = self._known.get(question)
        # Not before `since` either: a clock that was set back undoes an expiry.
        return verdict if verdict is not None and verdict.since <= now < verdict.until else None

    def remember(self, question: Question, version: object, verdict: Verdict) -> None:
        """Keep a verdict reached on that version, if it holds longer and none was asked for on another one since."""
        size = len(verdict.frame.before) + len(verdict.frame.after)
        if version is not self._version or verdict.since == verdict.until or size > MAX_FRAME:
            return
        # A refusal as well: a wrong password that comes again takes as long as a good one.
        self._known[question] = verdict
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]


def question_of(authorization: Sequence[bytes], located: Located) -> Question | None:
    """Return all that a verdict depends on besides time and database, None when that is not to be kept.

    The credentials stand in it as a digest: the password itself ends in the parser.
    """
    if len(authorization) != 1 or len(authorization[0]) > MAX_AUTHORIZATION_BYTES:
        return None
    return hashlib.sha256(authorization[0]).digest(), located
