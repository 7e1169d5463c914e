"""Closing an account: everything stops in one transaction, and the log stays."""

from datetime import datetime

from django.db import transaction

from simsim.accounts.actions import record_account_event
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, lock_open
from simsim.audit.events import Event
from simsim.mail import outbox
from simsim.problem import NotPermitted
from simsim.tokens.actions import record_token_event
from simsim.tokens.models import RevocationReason, Token


@transaction.atomic
def close_account(*, actor: Actor, account: Account, now: datetime) -> tuple[Account, int]:
    """Close an account for good, and return it with the number of tokens that this revoked. Only the operator may.

    Its tokens are revoked, its people can no longer open it, and mails that wait are withdrawn. Its log and its audit
    trail stay, and so do its people's sign-ins. Raises AccountClosed for an account that is closed.
    """
    if not actor.is_operator:
        raise NotPermitted
    # Whoever creates a token or adds a person waits for this lock, and finds the account closed.
    account = lock_open(account)
    account.closed_at = now
    account.save(update_fields=["closed_at"])
    tokens = Token.objects.filter(account=account)
    # Locked: of a revoking at the same moment one is recorded, not both.
    active = list(tokens.active(now).select_for_update())
    tokens.active(now).update(
        revoked_at=now,
        revoked_by=actor.user,
        revoked_by_label=actor.label,
        revocation_reason=RevocationReason.NOT_NEEDED,
    )
    # Expired ones too: nobody is told of their end any more.
    tokens.update(next_notice_at=None)
    for token in active:
        details: dict[str, object] = {"name": token.name, "reason": RevocationReason.NOT_NEEDED, "account_closed": True}
        record_token_event(actor, token, Event.TOKEN_REVOKED, details, now)
    record_account_event(
        actor, account, Event.ACCOUNT_CLOSED, {"name": account.name, "revoked_tokens": len(active)}, now
    )
    outbox.withdraw_all(account_id=account.pk, why="the account was closed before", now=now)
    return account, len(active)
