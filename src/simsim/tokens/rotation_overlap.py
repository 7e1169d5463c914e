"""A token's passwords before and after a rotation: which of them work, and which was used last."""

from datetime import datetime
from enum import StrEnum

from simsim.credential.digest import digest
from simsim.request_log.search.selectors import LastUse
from simsim.rfc3339 import format_time
from simsim.tokens.models import Token
from simsim.tokens.selectors import overlap_ends


class PasswordState(StrEnum):
    """CURRENT works, PREVIOUS works until the overlap ends, and the others do not work.

    PAUSED is the current or the previous password while the token is paused.
    """

    CURRENT = "current"
    PREVIOUS = "previous"
    PAUSED = "paused"
    REPLACED = "replaced"
    ENDED = "ended"


def password_state(token: Token, password: str, *, now: datetime) -> PasswordState:
    """Return the state of a password that the token has, or had before its last rotation: see `find_by_password`."""
    if token.has_ended(now):
        return PasswordState.ENDED
    is_current = bytes(token.digest) == digest(password)
    if not is_current and overlap_ends(token, now=now) is None:
        return PasswordState.REPLACED
    if token.is_paused(now):
        return PasswordState.PAUSED
    return PasswordState.CURRENT if is_current else PasswordState.PREVIOUS


def previous_password_used_at(token: Token, use: LastUse | None) -> datetime | None:
    """Return when an older password was last used after the last rotation; None if none has been used since."""
    at, rotated_at = use.by_previous_at if use else None, token.rotated_at
    return at if at is not None and rotated_at is not None and at > rotated_at else None


def current_password_used_at(token: Token, use: LastUse | None) -> datetime | None:
    """Return when the current password was used, if it was the last one used since the rotation; otherwise None."""
    rotated_at = token.rotated_at
    if use is None or rotated_at is None or use.at <= rotated_at or use.at == previous_password_used_at(token, use):
        return None
    return use.at


def rotation_id(token: Token) -> str:
    """Return an id that changes with every rotation."""
    return format_time(token.rotated_at) or "first"
