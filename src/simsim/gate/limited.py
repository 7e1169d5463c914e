"""The verdict on each request of a token with limits: the token's own verdict is remembered, the request's never is."""

from typing import NamedTuple

from simsim.credential.decision import Decision, Reason, Record
from simsim.credential.limits import Limits, compiled, enforced
from simsim.gate import answer
from simsim.gate.address import Located
from simsim.gate.answer import Answer
from simsim.gate.decided_line import Frame, frame


class Limited(NamedTuple):
    """A token that is let in, and whose limits decide about each request."""

    limits: Limits
    decision: Decision
    record: Record
    located: Located

    def enforce(self, breach: Decision, said: Answer) -> tuple[Answer, Frame]:
        """Return the answer to a request beyond the limits, which is `said` if they are report only, and its frame."""
        record, located = self.record, self.located
        decision = enforced(self.decision, breach, report_only=record.report_only)
        if decision.reason is not Reason.OK:
            said = answer.refuse(decision.reason)
        account, address = record.account_id, located.address
        return said, frame(decision, account=account, record=record, address=address, via=located.via)


def limited(decision: Decision, record: Record | None, located: Located) -> Limited | None:
    """Return what decides about each request, or None where the verdict on the token holds for every request.

    Raises ValueError if the token's limits can't be read.
    """
    if record is None or decision.reason is not Reason.OK:
        return None
    limits = compiled(record.limits)
    return None if limits is None else Limited(limits, decision, record, located)
