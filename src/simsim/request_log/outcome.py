"""What became of a request, in words that the log keeps for good."""

from enum import StrEnum


class Outcome(StrEnum):
    """UNKNOWN: it was let in, and nobody has told yet how it ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class GatewayCause(StrEnum):
    """Why there is no decision on a request that the gateway answered: goes where the gate's Cause goes else."""

    GATE_AWAY = "gate_away"
    BAD_REQUEST = "bad_request"
    TOO_MANY = "too_many"
    NO_DECISION = "no_decision"
