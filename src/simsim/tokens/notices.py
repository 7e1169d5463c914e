"""What is owed to whom when a token changes."""

import uuid
from datetime import datetime

from django.conf import settings

from simsim.accounts.models import User
from simsim.accounts.permissions import administrators
from simsim.mail import outbox
from simsim.tokens.models import Token, TokenRequest


def owe_created(token: Token, *, now: datetime) -> None:
    """Owe every administrator of the account the news of a new token (R8). The password is not in it."""
    for administrator in administrators(token.account):
        outbox.owe(
            kind="token_created",
            recipient=administrator.email,
            dedupe=f"token_created:{token.pk}:{administrator.pk}",
            facts={
                "account": token.account.name,
                "token_name": token.name,
                "creator": token.created_by_label,
                "expires_at": written(token.expires_at),
                "software": token.software.name if token.software else "",
                "allowed_networks": list(token.allowed_networks),
                "link": f"{address_of(token.account_id)}tokens/{token.pk}/",
            },
            now=now,
        )


def owe_requested(request: TokenRequest, *, now: datetime) -> None:
    """Owe every administrator of the account what a member asks for (R3). An answer by mail goes to the member."""
    for administrator in administrators(request.account):
        outbox.owe(
            kind="token_requested",
            recipient=administrator.email,
            dedupe=f"token_requested:{request.pk}:{administrator.pk}",
            facts={
                "account": request.account.name,
                "asker": request.asked_by_label,
                "reply_to": request.asked_by_label,
                "token_name": request.name,
                "purpose": request.purpose,
                "software": request.software.name if request.software else "",
                "link": f"{address_of(request.account_id)}tokens/new/?request={request.pk}",
            },
            now=now,
        )


def owe_granted(request: TokenRequest, token: Token, asker: User, *, now: datetime) -> None:
    """Owe the member the news that the token is made, and by whom. The credentials are not in it."""
    outbox.owe(
        kind="token_request_granted",
        recipient=asker.email,
        dedupe=f"token_request_granted:{request.pk}",
        facts={
            "account": token.account.name,
            "administrator": token.created_by_label,
            "token_name": token.name,
            "expires_at": written(token.expires_at),
            "link": address_of(token.account_id),
        },
        now=now,
    )


def address_of(account_id: uuid.UUID) -> str:
    """Return the address of an account's pages, on SIMSIM_BASE_URL."""
    return f"{settings.OPERATOR.base_url.rstrip('/')}/accounts/{account_id}/"


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
