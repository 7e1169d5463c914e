"""Stops a token whose password has leaked. The caller has proven that, and has locked the account."""

from datetime import datetime
from enum import StrEnum

from django.db import transaction

from simsim.accounts.permissions import Actor
from simsim.audit.events import Event
from simsim.tokens.actions import mark_revoked
from simsim.tokens.models import RevocationReason, Token
from simsim.tokens.pause import hold
from simsim.tokens.policies import policies_of
from simsim.tokens.policy_models import LeakChoice
from simsim.tokens.token_events import record_token_event

PAUSE_REASON = "Its password was reported as leaked"


class LeakResponse(StrEnum):
    """How Simsim stopped a leaked password."""

    REVOKED = "revoked"
    PAUSED = "paused"
    OVERLAP_ENDED = "overlap_ended"


@transaction.atomic
def stop_leaked_token(*, token: Token, proof: bytes, actor: Actor, now: datetime) -> LeakResponse | None:
    """Make the password with the digest `proof` useless from now on; return how, or None if it is useless already.

    The previous password of a rotation ends alone: the current one is not known to anybody.
    """
    if token.has_ended(now):
        return None
    if bytes(token.digest) != proof:
        is_previous = bytes(token.previous_digest or b"") == proof
        if not is_previous or token.previous_works_until is None or token.previous_works_until <= now:
            return None
        token.previous_works_until = now
        token.save(update_fields=["previous_works_until"])
        record_token_event(actor, token, Event.TOKEN_OVERLAP_ENDED, {"name": token.name}, now)
        return LeakResponse.OVERLAP_ENDED
    if policies_of(token.account).effective.leak_response == LeakChoice.PAUSE:
        hold(token, actor=actor, end=None, reason=PAUSE_REASON, has_own_mail=True, now=now)
        return LeakResponse.PAUSED
    mark_revoked(token, actor=actor, reason=RevocationReason.LEAKED, has_own_mail=True, now=now)
    return LeakResponse.REVOKED
