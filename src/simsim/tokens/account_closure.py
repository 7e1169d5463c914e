"""Closing an account: its tokens are revoked in one transaction, and its log stays."""

from datetime import datetime

from django.db import transaction

from simsim.accounts.actions import record_account_event
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, lock_open
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.mail import outbox
from simsim.problem import NotPermitted
from simsim.tokens.models import RevocationReason, Token
from simsim.webhooks.models import WebhookEndpoint


@transaction.atomic
def close_account(*, actor: Actor, account: Account, now: datetime) -> tuple[Account, int]:
    """Close an account permanently; return it and the number of tokens revoked. Only the operator may do this.

    Its people can no longer open the account, its webhooks are removed, and unsent emails about it are withdrawn. Its
    log and audit trail stay, and its people can still sign in. Raises AccountClosed if the account is already closed.
    """
    if not actor.is_operator:
        raise NotPermitted
    # Creating a token or adding a person waits for this lock and then finds the account closed.
    account = lock_open(account)
    account.closed_at = now
    account.save(update_fields=["closed_at"])
    tokens = Token.objects.filter(account=account)
    # Lock the tokens, so that one that is revoked at the same moment is recorded only once.
    active = list(tokens.active(now).select_for_update())
    tokens.active(now).update(
        revoked_at=now,
        revoked_by=actor.user,
        revoked_by_label=actor.label,
        revocation_reason=RevocationReason.NOT_NEEDED,
    )
    # Include expired tokens: nobody should be notified of their expiry any more.
    tokens.update(next_notice_at=None)
    # Together, so that the revocation journal is synced to disk once.
    recorder.record_all([revocation_event(actor, token, now) for token in active])
    record_account_event(
        actor, account, Event.ACCOUNT_CLOSED, {"name": account.name, "revoked_tokens": len(active)}, now
    )
    # Nobody of the account may be told anything any more, and nobody could remove its webhooks later.
    WebhookEndpoint.objects.filter(account=account).delete()
    outbox.withdraw_all(account_id=account.pk, why="the account was closed before", now=now)
    return account, len(active)


def revocation_event(actor: Actor, token: Token, now: datetime) -> AuditEvent:
    return recorder.audit_event(
        Event.TOKEN_REVOKED,
        actor=actor,
        account_id=token.account_id,
        subject_id=token.pk,
        details={"name": token.name, "reason": RevocationReason.NOT_NEEDED, "account_closed": True},
        now=now,
    )
