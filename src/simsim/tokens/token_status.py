"""The status of a token, decided by its times."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Status(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Times(Protocol):
    """The times of a token that decide its status."""

    @property
    def revoked_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def paused_at(self) -> datetime | None: ...
    @property
    def paused_until(self) -> datetime | None: ...


def status_of(token: Times, now: datetime) -> Status:
    """Return the status at that moment. A token is valid until, not at, its expiry."""
    if token.revoked_at is not None:
        return Status.REVOKED
    if now >= token.expires_at:
        return Status.EXPIRED
    return Status.PAUSED if is_paused(token, now) else Status.ACTIVE


def is_paused(token: Times, now: datetime) -> bool:
    return token.paused_at is not None and (token.paused_until is None or now < token.paused_until)
