"""The scheduler of expiry notices: each recipient gets each notice once (R9)."""

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import Q

from simsim.delivery.queue import AHEAD
from simsim.mail import outbox
from simsim.mail.message import EXPIRED_BEFORE
from simsim.mail.time_left import ending, time_left
from simsim.request_log.search.selectors import LastUse, last_uses
from simsim.tokens import webhook_events
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
from simsim.webhooks import occurrences
from simsim.webhooks.event_types import EventType

log = logging.getLogger(__name__)
BATCH = 500
CHECK_TIME_STEP = timedelta(minutes=1)
EXPIRY_KINDS = (Notice.EXPIRING, Notice.EXPIRED)
EVENTS = {Notice.EXPIRING: EventType.TOKEN_EXPIRING, Notice.EXPIRED: EventType.TOKEN_EXPIRED}
# All steps that an account can choose; its policy is read when a step is due.
STEPS = tuple(timedelta(days=days) for days in sorted({*EARLY_DAYS, ALWAYS_DAYS}, reverse=True))


def owe_due(*, now: datetime) -> int:
    """Queue the notices that are due; return the number of tokens checked, at most BATCH: call it until it returns 0.

    A token is checked when one of its steps, or its expiry, is due: `next_notice_at` holds that time and is indexed, so
    tokens that ended long ago cost nothing. Concurrent callers share the work, and each notice is queued once.
    """
    if has_clock_run_back(now):
        return start_over(now)
    due = Token.objects.filter(next_notice_at__lte=now)
    # Check this first: an idle scheduler must not take SQLite's only write lock.
    if not due.exists():
        return 0
    with transaction.atomic():
        rows = due.select_related("account", "software").select_for_update(skip_locked=True, of=("self",))
        tokens = list(rows.order_by("next_notice_at", "pk")[:BATCH])
        owe_for(tokens, now)
        for token in tokens:
            token.next_notice_at = next_check(token, now)
        Token.objects.bulk_update(tokens, ["next_notice_at"])
        store_check_time(now)
    return len(tokens)


def has_clock_run_back(now: datetime) -> bool:
    """Whether the stored time of the last check is in the future, so that notices may have been queued early."""
    return NoticeClock.objects.filter(pk=NoticeClock.ONLY, looked_at__gt=now + AHEAD).exists()


def store_check_time(now: datetime) -> None:
    """Store when tokens were checked.

    Call it last in the transaction, because every scheduler writes this row.
    """
    if not NoticeClock.objects.filter(pk=NoticeClock.ONLY, looked_at__gte=now - CHECK_TIME_STEP).exists():
        NoticeClock.objects.update_or_create(pk=NoticeClock.ONLY, defaults={"looked_at": now})


@transaction.atomic
def start_over(now: datetime) -> int:
    """Undo the notices that were queued while the clock was ahead; return the number of tokens to check again.

    These notices are withdrawn, so that they can be queued again at the right time. A notice that was queued at the
    right time stays and is not repeated.
    """
    early = outbox.owed_ahead(now, kinds=EXPIRY_KINDS)
    affected = Q(expires_at__gt=now) | Q(pk__in=early.values("token_id"))
    count = Token.objects.filter(affected, revoked_at=None).update(next_notice_at=AT_ONCE)
    outbox.disown(early, why="the clock was ahead", now=now)
    occurrences.disown_ahead(EVENTS.values(), now=now)
    NoticeClock.objects.filter(pk=NoticeClock.ONLY).update(looked_at=now)
    log.warning("the clock was set back: checking %d tokens again", count)
    return count


def owe_for(tokens: list[Token], now: datetime) -> None:
    """Queue the notices due for these tokens, with a few queries for any number of tokens."""
    accounts = {token.account_id for token in tokens}
    policies, people = policies_of(accounts), administrators_of(accounts)
    announced: list[tuple[Token, Notice, str]] = []
    for token in tokens:
        policy = policies.get(token.account_id, DEFAULT)
        if token.revoked_at is not None:
            continue
        if now >= token.expires_at:
            announced.append((token, Notice.EXPIRED, ""))
        elif days := due_step(token, policy.announced_days, now):
            announced.append((token, Notice.EXPIRING, f"{days}d"))
    uses = uses_of([token.pk for token, _, _ in announced])
    owed = []
    for token, notice, occasion in announced:
        audience = policies.get(token.account_id, DEFAULT).audience(notice)
        to = recipients(audience, people[token.account_id], token.created_by_id)
        facts = expiry_facts(token, uses, now)
        owed += mails(notice, token, to, facts=facts, occasion=occasion)
    ended = [token.pk for token, notice, _ in announced if notice == Notice.EXPIRED]
    outbox.withdraw(kind=Notice.EXPIRING, token_ids=ended, why=EXPIRED_BEFORE, now=now)
    outbox.owe_all(owed, now=now)
    webhook_events.owe_expiry([(token, EVENTS[notice], step) for token, notice, step in announced], now=now)


def uses_of(token_ids: list[uuid.UUID]) -> dict[uuid.UUID, LastUse]:
    """Return when each token was last used; an empty dict if the log's database can't be read."""
    try:
        return last_uses(token_ids)
    except DatabaseError:
        return {}


def due_step(token: Token, announced_days: frozenset[int], now: datetime) -> int | None:
    """Return the step that is due now, in days before the expiry, or None if there is none.

    If several steps passed during an outage, only the one nearest to the expiry is announced. A step before the
    token's creation is skipped, because the creator had just chosen the expiry.
    """
    since = max(token.created_at, token.next_notice_at or token.created_at)
    come = [days for days in announced_days if since <= token.expires_at - timedelta(days=days) <= now]
    return min(come, default=None)


def next_check(token: Token, now: datetime) -> datetime | None:
    """Return when to check the token next: at its next step or its expiry; None after the expiry."""
    if token.revoked_at is not None or now >= token.expires_at:
        return None
    return min((moment for step in STEPS if (moment := token.expires_at - step) > now), default=token.expires_at)


def expiry_facts(token: Token, uses: Mapping[uuid.UUID, LastUse], now: datetime) -> dict[str, object]:
    """Return the facts of an expiry notice; the time left is calculated again when it is sent."""
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
