"""The outcome of a request, in the words that the log stores."""

from enum import StrEnum

from simsim.gate.decided_line import CONSOLE_TEST, CONSOLE_TEST_METHOD


class Outcome(StrEnum):
    """UNKNOWN: the request was let in, and no line has arrived yet that says how it ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class GatewayCause(StrEnum):
    """Why the gateway answered a request without a decision; stored in `cause` instead of the gate's Cause."""

    GATE_AWAY = "gate_away"
    BAD_REQUEST = "bad_request"
    TOO_MANY = "too_many"
    NO_DECISION = "no_decision"
    PREFLIGHT = "preflight"


def is_console_test(method: str, resource: str) -> bool:
    """Whether this is a test from the console and not a request to the API."""
    return method == CONSOLE_TEST_METHOD and resource == CONSOLE_TEST
