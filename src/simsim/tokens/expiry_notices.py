"""The scheduler of expiry notices: who is told, and once, that a token nears its end or has reached it (R9)."""

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import Q

from simsim.mail import outbox
from simsim.mail.message import EXPIRED_BEFORE
from simsim.mail.outbox import AHEAD
from simsim.mail.time_left import ending, time_left
from simsim.request_log.search.selectors import LastUse, last_uses
from simsim.tokens.models import AT_ONCE, NoticeClock, Token
from simsim.tokens.notice_policy import (
    ALWAYS_DAYS,
    DEFAULT,
    EARLY_DAYS,
    Notice,
    administrators_of,
    policies_of,
    recipients,
)
from simsim.tokens.notices import address_of, facts_of, link_to, mails, written

log = logging.getLogger(__name__)
BATCH = 500
A_WHILE = timedelta(minutes=1)
EXPIRY_KINDS = (Notice.EXPIRING, Notice.EXPIRED)
# Every step at which some account may want to be told; whether it does is asked when the step comes.
STEPS = tuple(timedelta(days=days) for days in sorted({*EARLY_DAYS, ALWAYS_DAYS}, reverse=True))


def owe_due(*, now: datetime) -> int:
    """Owe the notices that are due, and return how many tokens were looked at; at most BATCH, so ask again.

    A token is looked at when a step before its end, or the end, has come: `next_notice_at` is an index of that, so that
    tokens ended long ago cost nothing. Two callers at once share the work; what both would owe is owed once.
    """
    if has_run_back(now):
        return start_over(now)
    due = Token.objects.filter(next_notice_at__lte=now)
    # Looked at first: an idle scheduler must not take SQLite's one write lock.
    if not due.exists():
        return 0
    with transaction.atomic():
        rows = due.select_related("account").select_for_update(skip_locked=True, of=("self",))
        tokens = list(rows.order_by("next_notice_at", "pk")[:BATCH])
        owe_for(tokens, now)
        for token in tokens:
            token.next_notice_at = next_look(token, now)
        Token.objects.bulk_update(tokens, ["next_notice_at"])
        note_look(now)
    return len(tokens)


def has_run_back(now: datetime) -> bool:
    """Whether tokens were looked at, and mails about them owed, at a time that has not come."""
    return NoticeClock.objects.filter(pk=NoticeClock.ONLY, looked_at__gt=now + AHEAD).exists()


def note_look(now: datetime) -> None:
    """Note when tokens were looked at. Last in its transaction, for every scheduler writes this row."""
    if not NoticeClock.objects.filter(pk=NoticeClock.ONLY, looked_at__gte=now - A_WHILE).exists():
        NoticeClock.objects.update_or_create(pk=NoticeClock.ONLY, defaults={"looked_at": now})


@transaction.atomic
def start_over(now: datetime) -> int:
    """Undo what was done by a clock that was ahead, and return how many tokens are to be looked at again.

    Its notices lose their place, so that the true ones are owed when their time comes; a true one that was owed before
    keeps it, and is not repeated.
    """
    early = outbox.owed_ahead(now, kinds=EXPIRY_KINDS)
    affected = Q(expires_at__gt=now) | Q(pk__in=early.values("token_id"))
    count = Token.objects.filter(affected, revoked_at=None).update(next_notice_at=AT_ONCE)
    outbox.disown(early, why="the clock was ahead", now=now)
    NoticeClock.objects.filter(pk=NoticeClock.ONLY).update(looked_at=now)
    log.warning("the clock has run back: %d tokens are looked at again", count)
    return count


def owe_for(tokens: list[Token], now: datetime) -> None:
    """Owe what is due for these tokens: a handful of queries, however many they are."""
    accounts = {token.account_id for token in tokens}
    policies, people = policies_of(accounts), administrators_of(accounts)
    told: list[tuple[Token, Notice, str]] = []
    for token in tokens:
        policy = policies.get(token.account_id, DEFAULT)
        if token.revoked_at is not None:
            continue
        if now >= token.expires_at:
            told.append((token, Notice.EXPIRED, ""))
        elif days := due_step(token, policy.announced_days, now):
            told.append((token, Notice.EXPIRING, f"{days}d"))
    uses = uses_of([token.pk for token, _, _ in told])
    owed = []
    for token, notice, occasion in told:
        audience = policies.get(token.account_id, DEFAULT).audience(notice)
        to = recipients(audience, people[token.account_id], token.created_by_id)
        facts = expiry_facts(token, uses, now)
        owed += mails(notice, token, to, facts=facts, occasion=occasion)
    ended = [token.pk for token, notice, _ in told if notice == Notice.EXPIRED]
    outbox.withdraw(kind=Notice.EXPIRING, token_ids=ended, why=EXPIRED_BEFORE, now=now)
    outbox.owe_all(owed, now=now)


def uses_of(token_ids: list[uuid.UUID]) -> dict[uuid.UUID, LastUse]:
    """Return when each token was last used; nothing when the log can't be read, for it may rest elsewhere."""
    try:
        return last_uses(token_ids)
    except DatabaseError:
        return {}


def due_step(token: Token, announced_days: frozenset[int], now: datetime) -> int | None:
    """Return the step to announce now, in days before the end; None when there is none.

    After a pause several steps may have come: the nearest to the end is announced alone. A step that came before the
    token was made is none, for the creator had just chosen the expiry.
    """
    since = max(token.created_at, token.next_notice_at or token.created_at)
    come = [days for days in announced_days if since <= token.expires_at - timedelta(days=days) <= now]
    return min(come, default=None)


def next_look(token: Token, now: datetime) -> datetime | None:
    """Return when the token is to be looked at next: at the next step or at its end; None after that."""
    if token.revoked_at is not None or now >= token.expires_at:
        return None
    return min((moment for step in STEPS if (moment := token.expires_at - step) > now), default=token.expires_at)


def expiry_facts(token: Token, uses: Mapping[uuid.UUID, LastUse], now: datetime) -> dict[str, object]:
    """Return what a notice about the end of a token shows; how long it still lives is told anew when it is sent."""
    use = uses.get(token.pk)
    return {
        **facts_of(token),
        **ending(token.expires_at),
        **time_left(token.expires_at - now),
        "last_used": written(use.at) if use else "",
        "last_used_from": use.address if use else "",
        "rotate_link": f"{link_to(token)}rotate/",
        "new_link": f"{address_of(token.account_id)}tokens/new/?like={token.pk}",
    }
