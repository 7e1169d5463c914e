"""The rate and the quotas of a token that is let in: each of its requests is counted, whatever is remembered of it."""

import uuid
from typing import NamedTuple

from simsim.credential.decision import Decision, Reason, Record
from simsim.credential.rates import Rates, policy_of, unpack
from simsim.gate import answer
from simsim.gate.address import Located
from simsim.gate.answer import Answer
from simsim.gate.counters import Counters
from simsim.gate.decided_line import Frame, frame


class Rated(NamedTuple):
    """A token that is let in, whose rate or number of requests is limited; `key` names its slot in the counts."""

    rates: Rates
    key: bytes
    record: Record
    located: Located

    def enforce(self, counters: Counters | None, now: float) -> tuple[Answer, Frame] | None:
        """Count one request. Return the refusal if it is too many, and its frame.

        Raises OSError or ValueError if it can't be counted: nobody may be let in past a limit that can't be checked.
        """
        if counters is None:
            raise ValueError("a token has a rate, and this gate can't count")
        excess = counters.take(self.key, self.rates, now)
        if excess is None:
            return None
        record, located = self.record, self.located
        decision = Decision(Reason.THROTTLED, excess.cause)
        said = answer.exceed(excess.policy, excess.seconds, policy_of(self.rates, now))
        return said, frame(decision, account=record.account_id, record=record, address=located.address, via=located.via)


def rated(decision: Decision, record: Record | None, located: Located) -> Rated | None:
    """Return what counts the requests of a token that is let in, or None if nothing limits their number.

    Raises ValueError if the token's rates can't be read.
    """
    if record is None or record.rates == "" or decision.reason is not Reason.OK:
        return None
    return Rated(unpack(record.rates), uuid.UUID(record.token_id).bytes, record, located)
