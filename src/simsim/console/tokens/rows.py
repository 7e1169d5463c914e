"""Tokens as the lists show them: each with when it was last used and whether it needs attention."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simsim.request_log.query import LastUse, last_uses
from simsim.tokens.models import Status, Token

SOON = timedelta(days=7)
NETWORKS_SHOWN = 2


@dataclass(frozen=True)
class TokenRow:
    """One token at one moment."""

    token: Token
    use: LastUse | None
    now: datetime

    @property
    def status(self) -> Status:
        return self.token.status(self.now)

    @property
    def expires_soon(self) -> bool:
        return self.token.expires_at - self.now < SOON

    @property
    def ended_at(self) -> datetime:
        return self.token.revoked_at or self.token.expires_at

    @property
    def networks_shown(self) -> list[str]:
        return list(self.token.allowed_networks[:NETWORKS_SHOWN])

    @property
    def networks_more(self) -> int:
        return max(0, len(self.token.allowed_networks) - NETWORKS_SHOWN)


def rows(tokens: Iterable[Token], *, now: datetime) -> list[TokenRow]:
    """Return the tokens with their last uses, in two queries however many they are."""
    listed = list(tokens)
    uses = last_uses([token.pk for token in listed])
    return [TokenRow(token, uses.get(token.pk), now) for token in listed]
