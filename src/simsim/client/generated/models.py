"""The documents with which the server answers. Made from the OpenAPI document by `make client`; don’t edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account: a customer of the API."""

    id: str
    name: str
    external_id: str | None
    created_at: datetime
    closed_at: datetime | None
    programs_may_rotate: bool
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class AccountPage:
    """A page of accounts, sorted by id."""

    items: tuple[Account, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class AllowlistPreview:
    """The effect of an allowlist on the requests of the last 30 days."""

    requests: int
    addresses: int
    excluded_requests: int
    excluded: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """Something that somebody did."""

    id: str
    at: datetime
    event: str
    account_id: str | None
    actor: str
    subject_id: str
    details: Mapping[str, Any]
    door: str
    address: str | None
    os_user: str | None
    number: int | None
    mac: str


@dataclass(frozen=True, kw_only=True)
class AuditPage:
    """A page of the audit trail, newest first."""

    items: tuple[AuditEvent, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Username and password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """A link that shows a token's credentials once. Neither the link nor the code can be read again."""

    id: str
    url: str = field(repr=False)
    code: str | None = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class LoggedRequest:
    """A request to the API behind the gateway."""

    id: str
    received_at: datetime
    method: str | None
    resource: str | None
    status: int | None
    outcome: Literal["accepted", "refused", "unknown"]
    reason: str
    detail: str
    duration_seconds: float | None
    token_id: str | None
    token_name: str | None
    address: str | None


@dataclass(frozen=True, kw_only=True)
class Notices:
    """Who gets which notice, and the additional days of expiry notices."""

    audiences: Mapping[str, str]
    early_days: tuple[int, ...]
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class OwnToken:
    """What the holder of a token may know about it."""

    id: str
    name: str
    account_id: str
    account_name: str
    expires_at: datetime
    allowed_networks: tuple[str, ...]
    report_only: bool
    is_current_password: bool
    previous_password_works_until: datetime | None
    may_rotate: bool


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person who belongs to an account."""

    id: str
    email: str
    role: Literal["administrator", "member"]
    is_active: bool
    joined_at: datetime
    last_sign_in_at: datetime | None
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class PersonList:
    """The people of an account, administrators first."""

    items: tuple[Person, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class RequestPage:
    """A page of the log, newest first."""

    items: tuple[LoggedRequest, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Software:
    """Target software; a retired entry stays on the tokens that have it."""

    slug: str
    name: str
    retired_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SoftwareList:
    """The catalogue of target software, by name."""

    items: tuple[Software, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class SuggestedNetworks:
    """The smallest sensible allowlist for the requests of the last 30 days."""

    allowed_networks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token, without its password."""

    id: str
    account_id: str
    name: str
    description: str
    software: str | None
    status: Literal["active", "paused", "expired", "revoked"]
    expires_at: datetime
    allowed_networks: tuple[str, ...]
    report_only: bool
    previous_password_works_until: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    paused_until: datetime | None
    pause_reason: str | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    revoked_by: str | None
    revocation_reason: str | None
    last_used_at: datetime | None
    last_used_address: str | None
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class TokenPage:
    """A page of tokens."""

    items: tuple[Token, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """A member's request for a token, and its answer."""

    id: str
    name: str
    purpose: str
    software: str | None
    asked_by: str
    asked_at: datetime
    answer: Literal["granted", "declined"] | None
    answered_at: datetime | None
    answered_by: str | None
    token_id: str | None


@dataclass(frozen=True, kw_only=True)
class TokenRequestList:
    """The requests that wait for an answer, oldest first."""

    items: tuple[TokenRequest, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class TokenWithCredentials:
    """A token with the credentials that software sends."""

    id: str
    account_id: str
    name: str
    description: str
    software: str | None
    status: Literal["active", "paused", "expired", "revoked"]
    expires_at: datetime
    allowed_networks: tuple[str, ...]
    report_only: bool
    previous_password_works_until: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    paused_until: datetime | None
    pause_reason: str | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    revoked_by: str | None
    revocation_reason: str | None
    last_used_at: datetime | None
    last_used_address: str | None
    username: str
    password: str = field(repr=False)
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The usage of an account, split by one property: the 20 largest parts, or each day."""

    by: Literal["day", "token", "software", "endpoint", "status"]
    since: str
    until: str
    accepted: int
    refused: int
    items: tuple[UsagePart, ...]
    others: Mapping[str, int]
    without: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class UsagePart:
    """The requests of one day, token, software, endpoint or status."""

    value: str | None
    name: str | None
    accepted: int
    refused: int
