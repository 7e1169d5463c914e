"""What grants access to an account at one moment: its tokens, its management tokens and its people."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.db.models import Count

from simsim.access_reviews.models import ReviewRow, RowKind
from simsim.accounts.models import Account, Membership
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.management_tokens.models import ManagementToken
from simsim.request_log.search.selectors import last_uses
from simsim.request_log.usage.token_use import requests_by_token
from simsim.rfc3339 import format_time
from simsim.tokens.models import Token


def rows_now(account: Account, now: datetime) -> list[ReviewRow]:
    """Return an unsaved row for everything that grants access now: tokens by name, management tokens, then people."""
    return [*token_rows(account, now), *management_token_rows(account, now), *person_rows(account)]


def token_rows(account: Account, now: datetime) -> Iterator[ReviewRow]:
    tokens = list(Token.objects.active(now).filter(account=account).select_related("software").order_by("name", "pk"))
    uses, shown = last_uses(token.pk for token in tokens), times_shown(account)
    today = now.astimezone(UTC).date()
    in_30_days, in_90_days = (requests_by_token(account.pk, last_day=today, days=days) for days in (30, 90))
    for token in tokens:
        use = uses.get(token.pk)
        yield ReviewRow(
            kind=RowKind.TOKEN,
            subject_id=str(token.pk),
            token=token,
            name=token.name,
            last_used_at=use.at if use else None,
            expires_at=token.expires_at,
            facts={
                "description": token.description,
                "software": token.software.name if token.software else None,
                "allowed_networks": token.allowed_networks,
                "limits": token.limit_rules,
                "report_only": token.report_only,
                "status": token.status(now).value,
                "created_by": token.created_by_label,
                "created_at": format_time(token.created_at),
                "last_used_address": use.address if use else None,
                "requests_30_days": in_30_days.get(token.pk, 0),
                "requests_90_days": in_90_days.get(token.pk, 0),
                "times_shown": shown.get(str(token.pk), 0),
            },
        )


def times_shown(account: Account) -> dict[str, int]:
    """Return how often each token's credentials were shown, as far back as the audit trail goes."""
    shown = AuditEvent.objects.filter(account_id=account.pk, event=Event.TOKEN_CREDENTIALS_SHOWN)
    return dict(shown.values_list("subject_id").annotate(times=Count("pk")).order_by())


def management_token_rows(account: Account, now: datetime) -> Iterator[ReviewRow]:
    tokens = ManagementToken.objects.filter(account=account, revoked_at=None, expires_at__gt=now)
    for token in tokens.order_by("name", "pk"):
        yield ReviewRow(
            kind=RowKind.MANAGEMENT_TOKEN,
            subject_id=str(token.pk),
            management_token=token,
            name=token.name,
            last_used_at=token.last_used_at,
            expires_at=token.expires_at,
            facts={
                "scopes": token.scopes,
                "allowed_networks": token.allowed_networks,
                "created_by": token.created_by_label,
                "created_at": format_time(token.created_at),
                "last_used_address": token.last_used_address or None,
            },
        )


def person_rows(account: Account) -> Iterator[ReviewRow]:
    members = Membership.objects.filter(account=account).select_related("user").order_by("user__email")
    for member in members:
        yield ReviewRow(
            kind=RowKind.PERSON,
            subject_id=str(member.user_id),
            person=member.user,
            name=member.user.email,
            last_used_at=member.user.last_login,
            facts={"role": member.role},
        )
