"""The outcome of a request, in words that the log stores."""

from enum import StrEnum


class Outcome(StrEnum):
    """UNKNOWN: the request was let in, and no line has yet said how it ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class GatewayCause(StrEnum):
    """Why the gateway answered a request without a decision; stored in `cause` instead of the gate's Cause."""

    GATE_AWAY = "gate_away"
    BAD_REQUEST = "bad_request"
    TOO_MANY = "too_many"
    NO_DECISION = "no_decision"
