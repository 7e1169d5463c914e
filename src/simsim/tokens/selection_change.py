"""Changing a selection of tokens in steps, each of them whole, that delay nobody (B18)."""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.audit import recorder
from simsim.audit.models import AuditEvent
from simsim.mail import outbox
from simsim.problem import SelectionChanged
from simsim.tokens import webhook_events
from simsim.tokens.models import Token
from simsim.tokens.notice_policy import Notice, administrators_of
from simsim.tokens.notices import address_of
from simsim.tokens.selection_acts import Act, Change, parse_change
from simsim.tokens.token_filters import TokenFilter
from simsim.tokens.token_selection import SelectedToken, select_tokens, selected

KIND = "tokens_stopped"
# A revoke may have to wait for one step, of about 50 ms.
STEP = 150
# On SQLite, whoever waits to write asks at least every 25 ms: without a rest, they could wait until the end.
REST_SECONDS = 0.027
DONE = {Act.PAUSE: "stopped", Act.REVOKE: "stopped", Act.RESUME: "resumed", Act.NETWORKS: "edited"}


@dataclass(frozen=True)
class Changed:
    """The number of tokens that were changed, and the names of those that somebody else changed after the preview."""

    act: Act
    number: int
    changed: list[str]

    def document(self) -> dict[str, object]:
        return {DONE[self.act]: self.number, "changed": self.changed}


def change_selection(
    *, actor: Actor, account: Account, change: Change, chosen: TokenFilter, fingerprint: str, now: datetime
) -> Changed:
    """Change the tokens of a previewed selection that the act concerns, and send each administrator one email.

    Raises Invalid, and SelectionChanged, before anything is changed, if the fingerprint is not that of the selection as
    it is now.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    change = parse_change(change)
    selection = select_tokens(account, actor=actor, chosen=chosen, now=now)
    if fingerprint != selection.fingerprint:
        raise SelectionChanged(number=str(len(selection.tokens)))
    tokens = change.concerned(selection.tokens, now)
    change.prove_allowed(account, tokens)
    steps = _Steps(actor, account, change, chosen, len(tokens), now)
    number, changed = 0, []
    for some in steps_of(tokens):
        # Before the lock, because nobody has to wait for this.
        events = {token.pk: steps.event(token) for token in some}
        with transaction.atomic():
            lock_and_permit(actor, account)
            # With the first step, so that nobody stays uninformed if the process ends before the last.
            done = steps.take(some, events, [steps.announce()] if some[0] is tokens[0] else [])
        number += len(done)
        changed += [token.name for token in some if token.pk not in done]
        rest(REST_SECONDS if connection.vendor == "sqlite" else 0)
    return Changed(change.act, number, changed)


def rest(seconds: float) -> None:
    time.sleep(seconds)


def steps_of(tokens: Sequence[SelectedToken]) -> Iterator[Sequence[SelectedToken]]:
    return (tokens[begin : begin + STEP] for begin in range(0, len(tokens), STEP))


def lock_and_permit(actor: Actor, account: Account) -> None:
    """Check anew in each step: the administrator may have been removed since the one before."""
    lock_open(account)
    permit(actor, Permission.MANAGE_TOKENS, account)


@dataclass(frozen=True)
class _Steps:
    actor: Actor
    account: Account
    change: Change
    chosen: TokenFilter
    count: int
    now: datetime

    def announce(self) -> AuditEvent:
        """Queue the emails, and return the event of the act itself."""
        self.owe_emails()
        event, details = self.change.audited()
        return recorder.audit_event(
            event, actor=self.actor, account_id=self.account.pk, subject_id=self.account.pk,
            details={"count": self.count, "filters": self.chosen.document(), **details}, now=self.now,
        )  # fmt: skip

    def owe_emails(self) -> None:
        """Queue one email to each administrator, however many tokens there are."""
        occasion, pages = uuid.uuid4().hex, address_of(self.account.pk)
        facts = {
            "account": self.account.name,
            "actor": self.actor.label,
            "change": self.change.act.value,
            "count": self.count,
            "link": f"{pages}tokens/",
            "audit_link": f"{pages}audit/",
        }
        people = administrators_of([self.account.pk])[self.account.pk]
        owed = [
            outbox.Mail(KIND, email, f"{KIND}:{self.account.pk}:{user_id}:{occasion}", facts, self.account.pk)
            for user_id, email in sorted(people.items())
        ]
        outbox.owe_all(owed, now=self.now)

    def take(
        self, some: Sequence[SelectedToken], events: dict[uuid.UUID, AuditEvent], before: Sequence[AuditEvent]
    ) -> set[uuid.UUID]:
        """Change the tokens that are still as they were, and return their ids.

        The events `before` come first in the trail.
        """
        rows = Token.objects.select_for_update().filter(pk__in=[token.pk for token in some])
        fresh = {token.pk: token.version for token in selected(rows.order_by("pk"))}
        same = [token for token in some if fresh.get(token.pk) == token.version]
        done = {token.pk for token in same}
        for values, ids in self.change.updates(same, actor=self.actor, now=self.now):
            Token.objects.filter(pk__in=ids).update(**values)
        if self.change.act == Act.REVOKE:
            outbox.withdraw(
                kind=Notice.EXPIRING, token_ids=list(done), why="the token was revoked before", now=self.now
            )
        kind, more = self.change.told(same)
        webhook_events.owe_changes(kind, self.account.pk, more, actor=self.actor, now=self.now)
        # Last: from here on, a revoke in this account waits for the commit.
        recorder.record_all([*before, *(events[token.pk] for token in same)])
        return done

    def event(self, token: SelectedToken) -> AuditEvent:
        event, details = self.change.audited_of(token)
        return recorder.audit_event(
            event, actor=self.actor, account_id=self.account.pk, subject_id=token.pk, details=details, now=self.now
        )
