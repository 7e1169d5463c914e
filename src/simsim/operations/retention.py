"""Deletes, or shortens, what is older than the operator wants to keep, in small steps that hold up nobody.

Accounts, people and tokens are never deleted for their age, because the log and the audit trail name them.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session

from simsim.accounts import portal_links
from simsim.audit import retention as audit_retention
from simsim.console_sessions.models import ConsoleSession
from simsim.forwarding import lost_events
from simsim.mail import outbox
from simsim.management_tokens import answered_requests
from simsim.request_log import gaps, node_counts, nodes
from simsim.request_log.address_retention import shorten_old
from simsim.request_log.retention import first_moment_kept, forget_old, time_to_delete_by
from simsim.tokens import hand_over_links, quota_notices, token_requests
from simsim.webhooks import outbox as webhook_outbox

STEP = 900


def delete_old(clock_time: datetime) -> int:
    """Delete some of the rows that are too old; return how many: call it until it returns 0.

    Deletes nothing while the clock looks wrong: see `request_log.retention`.
    """
    now = time_to_delete_by(clock_time)
    if now is None:
        return 0
    operator = settings.OPERATOR
    log_days = operator.log_retention_days
    log_since, audit_since, mail_since, webhook_since = (
        first_moment_kept(now, days)
        for days in (
            log_days,
            operator.audit_retention_days,
            operator.mail_retention_days,
            operator.webhook_retention_days,
        )
    )
    return (
        forget_old(now, days=log_days)
        + shorten_old(now, days=operator.log_address_days, log_days=log_days)
        + gaps.forget_old(log_since)
        + lost_events.delete_outdated(now, days=log_days)
        + nodes.forget_old(now)
        + node_counts.forget_old(now)
        + outbox.delete_finished(mail_since)
        + webhook_outbox.delete_old(webhook_since)
        + audit_retention.delete_old(audit_since)
        + token_requests.delete_answered(audit_since)
        + quota_notices.forget_old(now)
        + hand_over_links.delete_ended(audit_since)
        + portal_links.delete_ended(now - timedelta(days=1))
        + answered_requests.forget_old(now)
        + delete_expired_sessions(now)
    )


def delete_expired_sessions(now: datetime) -> int:
    """Delete some of the console sessions that have expired, and of those of earlier versions; return how many."""
    return sum(delete_expired(model, now) for model in (ConsoleSession, Session))


def delete_expired(model: type[AbstractBaseSession], now: datetime) -> int:
    expired = model._default_manager.filter(expire_date__lt=now).order_by("expire_date").values_list("pk", flat=True)
    return model._default_manager.filter(pk__in=list(expired[:STEP])).delete()[0]
