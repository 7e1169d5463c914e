"""Bringing a token's expiry forward. It is never put off: a token that is needed longer is replaced."""

from datetime import datetime

from django.db import transaction

from simsim.accounts.permissions import Actor
from simsim.audit.events import Event
from simsim.mail import outbox
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens import rules
from simsim.tokens.actions import lock_active_token
from simsim.tokens.models import AT_ONCE, Token
from simsim.tokens.notice_policy import Notice, administrators_of
from simsim.tokens.notices import facts_of, written
from simsim.tokens.token_events import audited_fields, changes_since, record_token_event

KIND = "token_shortened"


@transaction.atomic
def shorten_token(*, actor: Actor, token: Token, expires: str, now: datetime) -> Token:
    """Let a token expire earlier, and queue an email to every other administrator.

    Raises Invalid unless the time is between now and the token's expiry, and TokenNotActive for an ended token.
    """
    token = lock_active_token(actor, token, now)
    before, was = audited_fields(token), token.expires_at
    expires_at = rules.parse_expiry(expires, now=now)
    if expires_at >= was:
        message = gettext_noop("Choose a time before the token’s expiry, which is %(expiry)s.")
        raise Invalid(FieldError("expires_at", message, {"expiry": written(was)}))
    token.expires_at, token.next_notice_at = expires_at, AT_ONCE
    token.save(update_fields=["expires_at", "next_notice_at"])
    record_token_event(actor, token, Event.TOKEN_EDITED, changes_since(before, token), now)
    # A waiting email names the old expiry. Its name is freed, because the same step may be announced again.
    announced = outbox.waiting().filter(kind=Notice.EXPIRING, token_id=token.pk)
    outbox.disown(announced, why="the token expires earlier now", now=now)
    owe_shortened(token, was, actor=actor, now=now)
    return token


def owe_shortened(token: Token, was: datetime, *, actor: Actor, now: datetime) -> None:
    facts = facts_of(token) | {"actor": actor.label, "expiry_before": written(was), "happened_at": written(now)}
    people = administrators_of([token.account_id])[token.account_id]
    mails = [
        outbox.Mail(KIND, email, f"{KIND}:{token.pk}:{user_id}:{now.isoformat()}", facts, token.account_id, token.pk)
        for user_id, email in sorted(people.items())
        if user_id != actor.user_id
    ]
    outbox.owe_all(mails, now=now)
