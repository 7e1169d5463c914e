"""Tells administrators and webhooks that a password was reported as leaked. No policy can switch these emails off."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings

from simsim.accounts.models import Account, User
from simsim.accounts.permissions import Actor, administrators
from simsim.mail import outbox
from simsim.management_tokens.models import ManagementToken
from simsim.rfc3339 import format_time
from simsim.tokens import webhook_events
from simsim.tokens.leaked_tokens import LeakResponse
from simsim.tokens.models import Token
from simsim.tokens.notices import address_of, link_to, written
from simsim.webhooks import occurrences
from simsim.webhooks.event_types import EventType
from simsim.webhooks.occurrences import Occurrence

KIND = "leak_reported"


def owe_leaked_token(token: Token, response: LeakResponse, *, source: str, actor: Actor, now: datetime) -> None:
    """Queue an email to every administrator of the token's account, and the event for webhooks."""
    pages = address_of(token.account_id)
    facts = {
        "token_name": token.name,
        "is_management": False,
        "response": response.value,
        "source": source,
        "link": link_to(token),
        "log_link": f"{pages}logs/?token={token.pk}",
    }
    if response == LeakResponse.REVOKED:
        facts["new_link"] = f"{pages}tokens/new/?like={token.pk}"
    owe_mails(token.account, str(token.pk), facts, token=token, now=now)
    more = {"source": source, "response": response.value}
    webhook_events.owe_change(EventType.LEAK_REPORTED, token, actor=actor, more=more, now=now)


def owe_leaked_management_token(token: ManagementToken, *, source: str, actor: Actor, now: datetime) -> None:
    """Queue an email to every administrator of the account, or to the operators, and the event for webhooks."""
    pages = address_of(token.account.pk) if token.account else f"{settings.OPERATOR.base_url.rstrip('/')}/operator/"
    facts = {
        "management_name": token.name,
        "is_management": True,
        "response": LeakResponse.REVOKED.value,
        "source": source,
        "link": f"{pages}management-tokens/" if token.account else pages,
    }
    if token.account:
        facts |= {"log_link": f"{pages}audit/", "new_link": f"{pages}management-tokens/new/"}
    owe_mails(token.account, str(token.pk), facts, now=now)
    if token.account is None:
        return
    data = {
        "account_id": str(token.account.pk),
        "management_token": {
            "id": str(token.pk),
            "name": token.name,
            "expires_at": format_time(token.expires_at),
            "created_by": token.created_by_label,
        },
        "actor": actor.label,
        "source": source,
        "response": LeakResponse.REVOKED.value,
    }
    occurrences.owe([Occurrence(EventType.LEAK_REPORTED, token.account.pk, data)], now=now)


def owe_mails(
    account: Account | None, subject: str, facts: Mapping[str, object], *, token: Token | None = None, now: datetime
) -> None:
    told = {**facts, "account": account.name if account else "", "happened_at": written(now)}
    people = administrators(account) if account else User.objects.filter(is_active=True, operator_since__isnull=False)
    outbox.owe_all(
        [
            outbox.Mail(
                kind=KIND,
                recipient=person.email,
                dedupe=f"{KIND}:{subject}:{person.pk}:{now.isoformat()}",
                facts=told,
                account_id=account.pk if account else None,
                token_id=token.pk if token else None,
            )
            for person in people
        ],
        now=now,
    )
