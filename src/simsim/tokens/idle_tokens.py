"""Warns about tokens that nobody uses, and pauses them some days later, where a policy says so (B10)."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, lock_open
from simsim.mail import outbox
from simsim.request_log.nodes import WorkerNode
from simsim.request_log.search.selectors import last_uses
from simsim.tokens.models import Status, Token
from simsim.tokens.notice_policy import administrators_of
from simsim.tokens.notices import facts_of, written
from simsim.tokens.pause import hold
from simsim.tokens.policies import DEFAULT, floor, from_row, lowest
from simsim.tokens.policy_models import AccountPolicy, IdleWarning

WARNED_BEFORE = timedelta(days=7)
KIND = "token_idle"
# This actor passes no permit(): the account's policy is the permission.
POLICY = Actor("policy for idle tokens")
PAUSE_REASON = "Not used for %(days)s days"
# The log of a node that is behind does not know who used a token last. A pause would stop a program that works.
MAX_SILENCE, MAX_BEHIND = timedelta(minutes=10), timedelta(hours=1)
BATCH = 500


def treat_idle(*, now: datetime) -> int:
    """Warn about idle tokens, and pause those that were warned about WARNED_BEFORE ago; return how many.

    Nothing happens while a node's requests are not in the log.
    """
    limits = idle_limits(now)
    if not limits or is_log_behind(now):
        return 0
    return sum(treat_account(account, days, now) for account, days in limits)


def treat_account(account: Account, days: int, now: datetime) -> int:
    """Treat the idle tokens of one account, whose limit is that many days."""
    idle = idle_tokens(account.pk, now - timedelta(days=days) + WARNED_BEFORE, now)
    # A token that was used or paused after its warning starts anew.
    IdleWarning.objects.filter(token__account=account).exclude(token__in=idle).delete()
    warned = dict(IdleWarning.objects.filter(token__in=idle).values_list("token_id", "warned_at"))
    done = warn([token for token in idle if token.pk not in warned], days, now)
    due = [token for token in idle if token.pk in warned and warned[token.pk] <= now - WARNED_BEFORE]
    return done + sum(pause_idle(token, days=days, now=now) for token in due)


@transaction.atomic
def warn(tokens: Sequence[Token], days: int, now: datetime) -> int:
    """Queue an email about each token to every administrator of its account; return the number of tokens."""
    IdleWarning.objects.bulk_create(
        [IdleWarning(token=token, warned_at=now) for token in tokens], ignore_conflicts=True
    )
    people = administrators_of({token.account_id for token in tokens})
    uses = last_uses([token.pk for token in tokens])
    mails = []
    for token in tokens:
        use = uses.get(token.pk)
        facts = facts_of(token) | {
            "days": days,
            "last_used": written(use.at) if use else "",
            "pauses_after": written(now + WARNED_BEFORE),
        }
        mails += [
            outbox.Mail(
                KIND, email, f"{KIND}:{token.pk}:{user_id}:{now.isoformat()}", facts, token.account_id, token.pk
            )
            for user_id, email in sorted(people[token.account_id].items())
        ]
    outbox.owe_all(mails, now=now)
    return len(tokens)


@transaction.atomic
def pause_idle(token: Token, *, days: int, now: datetime) -> bool:
    """Pause a token that is still idle; return whether it was paused."""
    lock_open(token.account)
    still_idle = idle_tokens(token.account_id, now - timedelta(days=days), now)
    fresh = next((each for each in still_idle if each.pk == token.pk), None)
    if fresh is None:
        return False
    # Whoever resumes the token is warned again before the next pause.
    IdleWarning.objects.filter(token=fresh).delete()
    hold(fresh, actor=POLICY, end=None, reason=PAUSE_REASON % {"days": days}, now=now)
    return True


def idle_limits(now: datetime) -> list[tuple[Account, int]]:
    """Return each open account whose policy, or the installation's, pauses idle tokens, and after how many days."""
    least = floor().max_idle_days
    own = {row.account_id: from_row(row).max_idle_days for row in AccountPolicy.objects.all()}
    found = []
    accounts = Account.objects.filter(closed_at=None, tokens__in=Token.objects.active(now)).distinct()
    for account in accounts.order_by("pk"):
        days = lowest(own.get(account.pk, DEFAULT.max_idle_days), least)
        if days is not None:
            found.append((account, days))
    return found


def is_log_behind(now: datetime) -> bool:
    """Whether some requests may not be in the log: a node's worker is silent or behind, or no worker has reported."""
    nodes = WorkerNode.objects.all()
    silent = Q(round_at__lt=now - MAX_SILENCE, stopped_at=None)
    return not nodes.exists() or nodes.filter(silent | Q(unshipped_since__lt=now - MAX_BEHIND)).exists()


def idle_tokens(account_id: uuid.UUID, since: datetime, now: datetime) -> list[Token]:
    """Return the account's active tokens that are older than that, and that nobody has used or rotated since."""
    is_untouched = Q(rotated_at=None) | Q(rotated_at__lte=since)
    old = Token.objects.filter(is_untouched, account_id=account_id, created_at__lte=since)
    tokens = list(old.with_status(Status.ACTIVE, now).select_related("account", "software").order_by("pk"))
    unused: list[Token] = []
    for begin in range(0, len(tokens), BATCH):
        some = tokens[begin : begin + BATCH]
        uses = last_uses([token.pk for token in some])
        unused += [token for token in some if token.pk not in uses or uses[token.pk].at <= since]
    return unused
