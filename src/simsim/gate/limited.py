"""The verdict on each request of a token with limits: the token's own verdict is remembered, the request's never is."""

from typing import NamedTuple

from simsim.credential.decision import Decision, Reason, Record
from simsim.credential.limits import Limits, compiled, judge
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

    def judge(self, said: Answer, framed: Frame, *, method: str | None, target: str | None) -> tuple[Answer, Frame]:
        """Return the answer to one request and the frame of its line; both as given if the limits allow the request."""
        record, located = self.record, self.located
        decision = judge(self.decision, self.limits, report_only=record.report_only, method=method, target=target)
        if decision is self.decision:
            return said, framed
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
