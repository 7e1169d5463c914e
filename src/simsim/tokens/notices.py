"""What is owed to whom when a token changes."""

from datetime import datetime

from django.conf import settings

from simsim.accounts.permissions import administrators
from simsim.mail import outbox
from simsim.tokens.models import Token


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
                "expires_at": token.expires_at.strftime("%Y-%m-%d %H:%M UTC"),
                "software": token.software.name if token.software else "",
                "allowed_networks": list(token.allowed_networks),
                "link": f"{settings.OPERATOR.base_url.rstrip('/')}/accounts/{token.account_id}/tokens/{token.pk}/",
            },
            now=now,
        )
