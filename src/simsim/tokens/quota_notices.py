"""Tells people when a token has used 80 % of a quota, and when it has used it up: each once in a day or month (B17)."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from simsim.credential.rates import DAY_SECONDS, Rates, Usage, day_ends, month_ends, unpack
from simsim.gate.counters import Counters
from simsim.mail import outbox
from simsim.rfc3339 import format_time
from simsim.tokens import webhook_events
from simsim.tokens.models import Token
from simsim.tokens.notice_policy import Notice, administrators_of, policy_of, recipients
from simsim.tokens.notices import address_of, facts_of, link_to, mails, written
from simsim.tokens.quota_models import QuotaNotice
from simsim.webhooks.event_types import EventType

NEARLY_USED, USED_UP = 80, 100
NOTICES = {
    NEARLY_USED: (Notice.QUOTA_NEARLY_USED, EventType.QUOTA_NEARLY_USED),
    USED_UP: (Notice.QUOTA_USED_UP, EventType.QUOTA_USED_UP),
}
# Where a quota was lowered below what is used, no request is counted any more, and no count changes.
FULL_ROUND_SECONDS = 300.0
BATCH = 500
# Longer than any period.
KEPT = timedelta(days=40)


class Reached(NamedTuple):
    """A quota of a "day" or "month" of which a token has used much; `percent` is NEARLY_USED or USED_UP.

    `name` is the day or the month, and `starts_again` its end.
    """

    period: str
    name: str
    used: int
    most: int
    starts_again: datetime

    @property
    def percent(self) -> int:
        return USED_UP if self.used >= self.most else NEARLY_USED


class QuotaWatch:
    """Looks at the counts of this machine, which include what other nodes have told."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._seen: dict[bytes, Usage] = {}
        self._next_full = 0.0

    def owe_due(self, *, now: datetime) -> int:
        """Queue the notices that are due; return how many quotas they are about. Raises OSError."""
        is_full = time.monotonic() >= self._next_full
        found = dict(self._counters.all(now.timestamp()))
        changed = [key for key, usage in found.items() if is_full or self._seen.get(key) != usage]
        owed = 0
        for start in range(0, len(changed), BATCH):
            owed += owe_for({uuid.UUID(bytes=key): found[key] for key in changed[start : start + BATCH]}, now)
        self._seen = found
        if is_full:
            self._next_full = time.monotonic() + FULL_ROUND_SECONDS
        return owed


def owe_for(usages: dict[uuid.UUID, Usage], now: datetime) -> int:
    """Queue the notices that are due about these tokens; return how many quotas they are about."""
    limited = dict(Token.objects.active(now).filter(pk__in=usages).exclude(rates="").values_list("pk", "rates"))
    reached = {pk: found for pk, rates in limited.items() if (found := list(reached_by(usages[pk], unpack(rates))))}
    if not reached:
        return 0
    known = set(QuotaNotice.objects.filter(token__in=reached).values_list("token_id", "period", "most", "percent"))
    due = [
        (pk, quota)
        for pk, quotas in reached.items()
        for quota in quotas
        if (pk, quota.name, quota.most, quota.percent) not in known
    ]
    tokens = Token.objects.select_related("account", "software").in_bulk({pk for pk, _ in due})
    return sum(owe(tokens[pk], quota, now) for pk, quota in due if pk in tokens)


def reached_by(usage: Usage, rates: Rates) -> Iterator[Reached]:
    """Yield the quotas of which at least NEARLY_USED percent are used."""
    at = datetime.fromtimestamp(usage.day * DAY_SECONDS, UTC)
    for quota in (
        Reached("day", f"{at:%Y-%m-%d}", usage.total_today, rates.per_day, day_ends(at)),
        Reached("month", f"{at:%Y-%m}", usage.total_this_month, rates.per_month, month_ends(at)),
    ):
        if quota.most and quota.used * 100 >= quota.most * NEARLY_USED:
            yield quota


@transaction.atomic
def owe(token: Token, quota: Reached, now: datetime) -> bool:
    """Queue the notice of a quota; return False, and queue nothing, if another worker has done it."""
    # A quota that is used up is past the earlier notice, too: a node that has heard less must not send it later.
    levels = [level for level in (USED_UP, NEARLY_USED) if level <= quota.percent]
    rows = [
        QuotaNotice.objects.get_or_create(
            token=token, period=quota.name, most=quota.most, percent=level, defaults={"noticed_at": now}
        )
        for level in levels
    ]
    if not rows[0][1]:
        return False
    notice, event = NOTICES[quota.percent]
    occasion = f"{quota.name}:{quota.most}"
    audience = policy_of(token.account_id).audience(notice)
    to = recipients(audience, administrators_of([token.account_id])[token.account_id], token.created_by_id)
    outbox.owe_all(mails(notice, token, to, facts=facts_about(token, quota, now), occasion=occasion), now=now)
    document = {
        "period": quota.period,
        "limit": quota.most,
        "used": quota.used,
        "starts_again_at": format_time(quota.starts_again),
    }
    webhook_events.owe_quota(event, token, document, once=occasion, now=now)
    return True


def facts_about(token: Token, quota: Reached, now: datetime) -> dict[str, object]:
    """Return the facts of the email. It may be read days later, so it says when the requests were counted."""
    return {
        **facts_of(token),
        "period": quota.period,
        "used": f"{quota.used:,}",
        "most": f"{quota.most:,}",
        "percent": f"{quota.used * 100 // quota.most} %",
        "counted_at": written(now),
        "starts_again": written(quota.starts_again),
        "log_link": f"{address_of(token.account_id)}logs/?token={token.pk}",
        "rates_link": f"{link_to(token)}#rates",
    }


def forget_old(now: datetime) -> int:
    """Delete the records of notices about periods that are over; return how many."""
    return QuotaNotice.objects.filter(noticed_at__lt=now - KEPT).delete()[0]
