"""Pausing or revoking a selection of tokens in steps, each of them whole, that delay nobody (B18)."""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import connection, transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.texts import parse_line
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.mail import outbox
from simsim.problem import SelectionChanged
from simsim.tokens import rules, webhook_events
from simsim.tokens.models import Token
from simsim.tokens.notice_policy import Notice, administrators_of
from simsim.tokens.notices import address_of
from simsim.tokens.pause import MAX_REASON_LENGTH
from simsim.tokens.token_selection import TokenFilter, select_tokens, version_of

KIND = "tokens_stopped"
# A revoke may have to wait for one step, of about 50 ms.
STEP = 50
# On SQLite, whoever waits to write asks at least every 25 ms: without a rest, they could wait until the end.
REST_SECONDS = 0.027


class Act(StrEnum):
    PAUSE = "pause"
    REVOKE = "revoke"


@dataclass(frozen=True)
class Stopped:
    """The tokens that were stopped, and the names of those that changed after the preview and were left alone."""

    tokens: list[Token]
    changed: list[str]

    def document(self) -> dict[str, object]:
        return {"stopped": len(self.tokens), "changed": self.changed}


def stop_selection(
    *, actor: Actor, account: Account, act: Act, chosen: TokenFilter, fingerprint: str, reason: str, now: datetime
) -> Stopped:
    """Pause without end, or revoke, the tokens of a previewed selection, and send each administrator one email.

    `reason` is a line of text for a pause, and one of RevocationReason for a revocation. Raises Invalid, and
    SelectionChanged, before anything is stopped, if the fingerprint is not that of the selection as it is now.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    line = (
        rules.parse_reason(reason)
        if act == Act.REVOKE
        else parse_line("reason", reason, required=False, longest=MAX_REASON_LENGTH)
    )
    selection = select_tokens(account, actor=actor, chosen=chosen, now=now)
    if fingerprint != selection.fingerprint:
        raise SelectionChanged(number=str(len(selection.tokens)))
    stop = _Stop(actor, account, act, line, now)
    stopped = Stopped([], [])
    for some in steps_of(selection.tokens):
        with transaction.atomic():
            lock_and_permit(actor, account)
            # With the first step, so that nobody stays uninformed if the process ends before the last.
            is_first = some[0] is selection.tokens[0]
            done, left = stop.stop(some, [stop.announce(chosen, len(selection.tokens))] if is_first else [])
        stopped.tokens.extend(done)
        stopped.changed.extend(left)
        rest(REST_SECONDS if connection.vendor == "sqlite" else 0)
    return stopped


def rest(seconds: float) -> None:
    time.sleep(seconds)


def steps_of(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    return (tokens[begin : begin + STEP] for begin in range(0, len(tokens), STEP))


def lock_and_permit(actor: Actor, account: Account) -> None:
    """Check anew in each step: the administrator may have been removed since the one before."""
    lock_open(account)
    permit(actor, Permission.MANAGE_TOKENS, account)


@dataclass(frozen=True)
class _Stop:
    actor: Actor
    account: Account
    act: Act
    reason: str
    now: datetime

    def announce(self, chosen: TokenFilter, count: int) -> AuditEvent:
        """Queue the emails, and return the event of the act itself."""
        self.owe_emails(count)
        details = {"act": self.act.value, "count": count, "filters": chosen.document(), "reason": self.reason}
        return recorder.audit_event(
            Event.SELECTION_STOPPED, actor=self.actor, account_id=self.account.pk, subject_id=self.account.pk,
            details=details, now=self.now,
        )  # fmt: skip

    def owe_emails(self, count: int) -> None:
        """Queue one email to each administrator, however many tokens there are."""
        occasion, pages = uuid.uuid4().hex, address_of(self.account.pk)
        facts = {
            "account": self.account.name,
            "actor": self.actor.label,
            "change": self.act.value,
            "count": count,
            "link": f"{pages}tokens/",
            "audit_link": f"{pages}audit/",
        }
        people = administrators_of([self.account.pk])[self.account.pk]
        owed = [
            outbox.Mail(KIND, email, f"{KIND}:{self.account.pk}:{user_id}:{occasion}", facts, self.account.pk)
            for user_id, email in sorted(people.items())
        ]
        outbox.owe_all(owed, now=self.now)

    def stop(self, some: Sequence[Token], before: Sequence[AuditEvent]) -> tuple[list[Token], list[str]]:
        """Stop the tokens that are still as they were; return them, and the names of the others.

        The events `before` come first in the trail.
        """
        rows = Token.objects.select_for_update(of=("self",)).select_related("account", "software")
        fresh = {token.pk: token for token in rows.filter(pk__in=[token.pk for token in some]).order_by("pk")}
        same = [now for then in some if version_of(now := fresh[then.pk]) == version_of(then)]
        kept = {token.pk for token in same}
        values = self.columns()
        Token.objects.filter(pk__in=kept).update(**values)
        for token in same:
            for name, value in values.items():
                setattr(token, name, value)
        if self.act == Act.REVOKE:
            outbox.withdraw(
                kind=Notice.EXPIRING, token_ids=list(kept), why="the token was revoked before", now=self.now
            )
        webhook_events.owe_stopped(same, actor=self.actor, now=self.now)
        # Last: from here on, a revoke in this account waits for the commit.
        recorder.record_all([*before, *(self.event(token) for token in same)])
        return same, [token.name for token in some if token.pk not in kept]

    def columns(self) -> dict[str, object]:
        user, label = self.actor.user, self.actor.label
        if self.act == Act.PAUSE:
            return {
                "paused_at": self.now, "paused_until": None, "paused_by": user, "paused_by_label": label,
                "pause_reason": self.reason,
            }  # fmt: skip
        return {
            "revoked_at": self.now, "revoked_by": user, "revoked_by_label": label, "revocation_reason": self.reason,
            "next_notice_at": None,
        }  # fmt: skip

    def event(self, token: Token) -> AuditEvent:
        details: dict[str, object] = {"name": token.name, "reason": self.reason}
        is_pause = self.act == Act.PAUSE
        return recorder.audit_event(
            Event.TOKEN_PAUSED if is_pause else Event.TOKEN_REVOKED,
            actor=self.actor, account_id=token.account_id, subject_id=token.pk,
            details=details | ({"until": None} if is_pause else {}), now=self.now,
        )  # fmt: skip
