"""The accounts as an operator sees them: their people, active tokens and last use. Nothing of what they hold."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.db.models import Count, Max, Q, QuerySet

from simsim.accounts.models import Account, Membership
from simsim.accounts.name_keys import name_key
from simsim.accounts.operators import permit_operator
from simsim.accounts.permissions import Actor
from simsim.request_log.models import TokenUse
from simsim.tokens.models import Token


@dataclass(frozen=True)
class AccountSummary:
    """An account with the numbers of its people and active tokens; `used_at` is when a token last let a request in.

    `is_use_known` is false while the log's database does not answer.
    """

    account: Account
    people: int
    active_tokens: int
    is_use_known: bool
    used_at: datetime | None


def find_accounts(text: str, *, actor: Actor) -> QuerySet[Account]:
    """Return the accounts whose name contains the text, or that have it as an id, by name; raise NotFound."""
    permit_operator(actor)
    found = Account.objects.order_by("name", "pk")
    text = text.strip()
    if not text:
        return found
    wanted = Q(name_key__contains=name_key(text)) | Q(name__icontains=text) | Q(external_id=text)
    try:
        return found.filter(wanted | Q(pk=uuid.UUID(text)))
    except ValueError:
        return found.filter(wanted)


def summaries(accounts: Sequence[Account], *, actor: Actor, now: datetime) -> list[AccountSummary]:
    """Return the accounts of one page with their numbers, in three queries; raise NotFound.

    Their use is unknown while the log's database does not answer.
    """
    permit_operator(actor)
    ids = [account.pk for account in accounts]
    people = dict(of(Membership.objects.filter(account_id__in=ids)).annotate(number=Count("pk")))
    tokens = dict(of(Token.objects.active(now).filter(account_id__in=ids)).annotate(number=Count("pk")))
    try:
        used = dict(of(TokenUse.objects.filter(account_id__in=ids)).annotate(last=Max("used_at")))
    except DatabaseError:
        used = None
    return [
        AccountSummary(
            account=each,
            people=people.get(each.pk, 0),
            active_tokens=tokens.get(each.pk, 0),
            is_use_known=used is not None,
            used_at=(used or {}).get(each.pk),
        )
        for each in accounts
    ]


def of(rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    """Group rows by their account."""
    return rows.order_by().values_list("account_id")
