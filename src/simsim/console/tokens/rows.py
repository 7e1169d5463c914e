"""Tokens for the lists and pages: each with its use, and whether it needs attention."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from simsim.request_log.search.selectors import LastUse, last_uses
from simsim.request_log.usage.token_use import RECENT_DAYS, requests_by_day
from simsim.tokens.attention import EXPIRY_IS_NEAR, MAX_IDLE, Attention, attention_of
from simsim.tokens.models import Status, Token
from simsim.tokens.rotation_overlap import current_password_used_at, previous_password_used_at
from simsim.tokens.selectors import overlap_ends

NETWORKS_SHOWN = 2


@dataclass(frozen=True)
class TokenRow:
    """One token at a point in time; `days` has the accepted requests on each of the last RECENT_DAYS days."""

    token: Token
    use: LastUse | None
    days: Sequence[int]
    now: datetime

    @property
    def status(self) -> Status:
        return self.token.status(self.now)

    @property
    def has_ended(self) -> bool:
        return self.token.has_ended(self.now)

    @property
    def attention(self) -> Attention:
        return attention_of(self.token, self.use, self.now)

    @property
    def expires_soon(self) -> bool:
        return not self.has_ended and self.token.expires_at - self.now <= EXPIRY_IS_NEAR

    @property
    def is_paused(self) -> bool:
        return self.status == Status.PAUSED

    @property
    def is_idle(self) -> bool:
        """Whether it has been used, but not recently."""
        return self.use is not None and self.now - self.use.at >= MAX_IDLE

    @property
    def is_unused(self) -> bool:
        return self.attention == Attention.UNUSED

    @property
    def requests(self) -> int:
        return sum(self.days)

    @property
    def ended_at(self) -> datetime:
        return self.token.revoked_at or self.token.expires_at

    @property
    def networks_shown(self) -> list[str]:
        return list(self.token.allowed_networks[:NETWORKS_SHOWN])

    @property
    def networks_more(self) -> int:
        return max(0, len(self.token.allowed_networks) - NETWORKS_SHOWN)

    @property
    def overlap_ends_at(self) -> datetime | None:
        """When the previous password stops working; None when it no longer works."""
        return overlap_ends(self.token, now=self.now)

    @property
    def previous_used_at(self) -> datetime | None:
        return previous_password_used_at(self.token, self.use)

    @property
    def current_used_at(self) -> datetime | None:
        return current_password_used_at(self.token, self.use)


def rows(tokens: Iterable[Token], *, now: datetime) -> list[TokenRow]:
    """Return the tokens with their uses, in two queries for any number of tokens."""
    listed = list(tokens)
    ids = [token.pk for token in listed]
    uses = last_uses(ids)
    days = requests_by_day(listed[0].account_id, ids, last_day=now.date(), days=RECENT_DAYS) if listed else {}
    return [TokenRow(token, uses.get(token.pk), days.get(token.pk, ()), now) for token in listed]
