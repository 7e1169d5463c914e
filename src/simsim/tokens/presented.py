"""The token whose password somebody presents, and the gate's decision on it, by the gate's own rules."""

from dataclasses import dataclass
from datetime import datetime

from simsim.credential import allowlist
from simsim.credential.allowlist import Address
from simsim.credential.decision import Credentials, Decision, Reason, Record, decide
from simsim.tokens.models import Token
from simsim.tokens.selectors import with_digest


@dataclass(frozen=True)
class Presented:
    """The token under a digest, None if there is none, and what the gate decides on a request with it."""

    token: Token | None
    decision: Decision
    is_current: bool

    @property
    def opens_the_gate(self) -> bool:
        return self.token is not None and self.decision.reason is Reason.OK and self.token.account.closed_at is None

    @property
    def works_until(self) -> datetime | None:
        """When the presented password stops working because another has replaced it, None if it is the current one."""
        if self.token is None or self.is_current:
            return None
        return self.token.previous_works_until


def present(credentials: Credentials, *, address: Address | None, now: datetime) -> Presented:
    """Return the token with this password, and the decision on it, as at the gate."""
    proof = credentials.digest
    token = with_digest(proof).select_related("account", "software").first()
    record = record_of(token, proof) if token else None
    is_current = token is not None and bytes(token.digest) == proof
    return Presented(token, decide(credentials, record, address=address, now=now), is_current)


def record_of(token: Token, proof: bytes) -> Record:
    """Return the token as the gate knows it, under the password that was sent."""
    is_current = bytes(token.digest) == proof
    return Record(
        token_id=str(token.pk),
        account_id=str(token.account_id),
        name=token.name,
        digest=bytes(token.digest) if is_current else bytes(token.previous_digest or b""),
        expires_at=token.expires_at,
        revoked=token.revoked_at is not None,
        allowlist=allowlist.pack(token.networks),
        superseded_at=None if is_current else token.previous_works_until,
        report_only=token.report_only,
        paused=token.paused_at is not None,
        paused_until=token.paused_until,
        limits=token.limits,
    )
