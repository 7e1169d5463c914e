"""The documents with which the server answers. Made from the OpenAPI document by `make client`; don’t edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class AccessReviewDocument:
    """A review; `open` is the number of rows that still need a decision."""

    id: str
    account_id: str
    started_at: datetime
    started_by: str
    due_at: datetime
    signed_off_at: datetime | None
    signed_off_by: str | None
    signed_off_name: str | None
    fingerprint: str | None
    rows: int
    open: int
    decisions: Decisions


@dataclass(frozen=True, kw_only=True)
class AccessReviewPage:
    """The reviews, newest first; there is only one page."""

    items: tuple[AccessReviewDocument, ...]
    next_cursor: str | None


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
class CallGroup:
    """Requests with one token to one endpoint, from one address and with one status."""

    token_id: str
    token_name: str
    method: str
    endpoint: str
    address: str | None
    network: str | None
    status: int | None
    outcome: Literal["accepted", "refused", "unknown"]
    requests: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True)
class CallReportDocument:
    """What was called with the tokens, the most first."""

    tokens: int
    requests: int
    groups: int
    complete_since: datetime | None
    items: tuple[CallGroup, ...]


@dataclass(frozen=True, kw_only=True)
class CountedRequests:
    """Refused requests of a flood that are not in the log; `network` is where most of them came from."""

    requests: int
    network: str | None
    other_networks: int
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class CreationFreezeDocument:
    """Whether the creation of tokens is frozen; the other fields are null if it is not."""

    frozen: bool
    reason: str | None
    frozen_at: datetime | None
    frozen_by: str | None


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Username and password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The number of rows with each decision; `ended` are those that ended before anybody decided."""

    keep: int
    shorten: int
    revoke: int
    ended: int


@dataclass(frozen=True, kw_only=True)
class DeliveryAnswer:
    """A receiver's answer to one attempt: `status` is None if there was none."""

    at: str
    status: int | None
    error: str | None
    duration_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class EditedTokens:
    """How many tokens got another list."""

    edited: int
    changed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What `simsim doctor` finds on this node, and when the examination began."""

    at: datetime
    ok: bool
    items: tuple[Finding, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ExcludedRequests:
    """Requests that limits would have refused: `rule` would allow them; it is null if no rule can."""

    rule: str | None
    method: str
    path: str
    requests: int
    last_at: datetime


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A part that was examined: `detail` says how it is, or what to do."""

    subject: str
    ok: bool
    state: Literal["ok", "wrong", "not_started"]
    detail: str


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """A link that shows a token's credentials once. Neither the link nor the code can be read again."""

    id: str
    url: str = field(repr=False)
    code: str | None = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class HandOverLink:
    """A link that hands a token over, without the link itself: it can't be read again."""

    id: str
    state: Literal["waiting", "used", "taken_back", "blocked", "ended"]
    created_at: datetime
    created_by: str
    expires_at: datetime
    recipient: str | None
    asks_for_code: bool
    used_at: datetime | None
    used_from: str | None
    taken_back_at: datetime | None
    taken_back_by: str | None


@dataclass(frozen=True, kw_only=True)
class HandOverList:
    """The latest links that hand a token over, newest first."""

    items: tuple[HandOverLink, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class KeptRows:
    """How many rows were kept."""

    kept: int


@dataclass(frozen=True, kw_only=True)
class LeakedPassword:
    """A password that was found. Fields that Simsim does not know are ignored, so that a sender may add some."""

    token: str = field(repr=False)
    type: str | None = None
    url: str | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class LimitsPreview:
    """The effect of limits on the newest requests of the last 30 days; `is_complete`: on all of them."""

    requests: int
    is_complete: bool
    excluded_requests: int
    excluded: tuple[ExcludedRequests, ...]


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
class Mail:
    """An email to send or sent, without its contents."""

    id: str
    kind: str
    recipient: str
    state: Literal["waiting", "delivered", "given_up"]
    owed_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    account_id: str | None
    token_id: str | None
    message_id: str


@dataclass(frozen=True, kw_only=True)
class MailPage:
    """A page of emails, newest first."""

    items: tuple[Mail, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ManagementToken:
    """A management token without its password; the id is its username."""

    id: str
    account_id: str
    name: str
    scopes: tuple[Literal["read", "tokens", "people"], ...]
    status: Literal["active", "expired", "revoked"]
    expires_at: datetime
    allowed_networks: tuple[str, ...]
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: datetime | None
    last_used_address: str | None


@dataclass(frozen=True, kw_only=True)
class ManagementTokenList:
    """The management tokens of an account, newest first."""

    items: tuple[ManagementToken, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class NetworksPreviewDocument:
    """How many tokens get another list, and how many of their requests of the last 30 days it would have refused."""

    tokens: int
    requests: int
    excluded_requests: int
    tokens_with_excluded: int


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
    limits: tuple[str, ...]
    rates: tuple[str, ...]
    used_today: int | None
    used_this_month: int | None
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
class PolicyDocument:
    """The account's policy, the installation's, the stricter of both, which applies, and the tokens outside it."""

    policy: PolicyValues
    installation: PolicyValues
    effective: PolicyValues
    tokens_outside: tuple[TokenOutside, ...]
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class PolicyValues:
    """A policy."""

    max_lifetime_days: int | None
    needs_allowlist: bool
    min_ipv4_prefix: int | None
    min_ipv6_prefix: int | None
    retrieval: str
    leak_response: str
    max_idle_days: int | None
    approval_above_days: int | None
    approval_if_open: bool


@dataclass(frozen=True, kw_only=True)
class PortalLink:
    """A new link, which works once."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The other fields of the token that waits for the approval of a second administrator."""

    expires_at: datetime
    allowed_networks: tuple[str, ...]
    report_only: bool
    limits: tuple[str, ...]
    rates: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RequestPage:
    """A page of the log, newest first."""

    items: tuple[LoggedRequest, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ResumedTokens:
    """How many tokens were resumed."""

    resumed: int
    changed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReviewRowDocument:
    """A token, a management token or a person at the start of the review, and the decision.

    A field that does not apply to a row's kind is null. For a person, `last_used_at` is the last sign-in."""

    id: str
    kind: str
    subject_id: str
    name: str
    description: str | None
    software: str | None
    role: str | None
    scopes: tuple[str, ...] | None
    allowed_networks: tuple[str, ...] | None
    limits: tuple[str, ...] | None
    report_only: bool | None
    status: str | None
    created_by: str | None
    created_at: datetime | None
    last_used_address: str | None
    requests_30_days: int | None
    requests_90_days: int | None
    times_shown: int | None
    last_used_at: datetime | None
    expires_at: datetime | None
    decision: str | None
    new_expires_at: datetime | None
    note: str
    decided_at: datetime | None
    decided_by: str | None


@dataclass(frozen=True, kw_only=True)
class ReviewRowPage:
    """One page of rows."""

    items: tuple[ReviewRowDocument, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ReviewScheduleDocument:
    """How often a review starts, and when the next one does; null for never."""

    every: str
    next_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SecondFactorPolicy:
    """Whether the account's administrators need a second factor."""

    required: bool
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class SelectedToken:
    """A chosen token."""

    id: str
    name: str
    status: Literal["active", "paused", "expired", "revoked"]
    software: str | None
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    last_used_address: str | None


@dataclass(frozen=True, kw_only=True)
class SentEmail:
    """An email about a token. `at` is when it was delivered, given up or queued; `answer` is the mail server's."""

    id: str
    kind: str
    recipient: str
    token_id: str
    state: Literal["waiting", "delivered", "given_up"]
    at: datetime
    answer: str | None
    is_withdrawn: bool


@dataclass(frozen=True, kw_only=True)
class SentEmailPage:
    """A page of the emails about an account's tokens, newest first."""

    items: tuple[SentEmail, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class SingleSignOnPolicy:
    """Who must sign in at the OpenID Connect provider."""

    required: Literal["off", "administrators", "everyone"]
    etag: str = field(default="", compare=False)


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
class Status:
    """What runs where, since when, and how far it is behind, as `simsim status --json` prints it.

    A part is null if its database does not answer, or if there is no such thing here. `sections`
    says the same in words."""

    at: datetime
    version: str
    host: str
    gate_ready: bool
    console_answers: bool
    programs: tuple[Mapping[str, Any], ...]
    gateway: Mapping[str, Any] | None
    log: Mapping[str, Any]
    disk: Mapping[str, Any] | None
    databases: tuple[Mapping[str, Any], ...]
    workers: tuple[Mapping[str, Any], ...] | None
    mail: Mapping[str, Any] | None
    forwarding: Mapping[str, Any] | None
    tokens: Mapping[str, Any] | None
    sections: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class StoppedTokens:
    """How many tokens were stopped."""

    stopped: int
    changed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StoredData:
    """What the installation stores, and for how long. `tables` and `keys` are null if a database does not answer."""

    databases: tuple[Mapping[str, Any], ...]
    tables: tuple[Mapping[str, Any], ...] | None
    disk: Mapping[str, Any] | None
    retention_days: Mapping[str, int | None]
    keys: tuple[Mapping[str, Any], ...] | None
    last_backup: Mapping[str, Any] | None
    revocation_journal: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SuggestedLimits:
    """Limits that allow the newest requests of the last 30 days; empty if there were none."""

    limits: tuple[str, ...]


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
    limits: tuple[str, ...]
    rates: tuple[str, ...]
    report_only: bool
    username: str
    password_can_be_shown: bool
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
class TokenOutside:
    """A token that does not meet the policy that applies."""

    id: str
    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TokenPage:
    """A page of tokens."""

    items: tuple[Token, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """A member's request for a token, or an administrator's for the approval of one, and its answer."""

    id: str
    name: str
    purpose: str
    software: str | None
    proposal: Proposal | None
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
class TokenSelectionDocument:
    """The chosen tokens by name, and the fingerprint that changing them needs."""

    count: int
    fingerprint: str
    items: tuple[SelectedToken, ...]


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
    limits: tuple[str, ...]
    rates: tuple[str, ...]
    report_only: bool
    username: str
    password_can_be_shown: bool
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


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook, without the secret that signs its events."""

    id: str
    account_id: str
    name: str
    url: str
    events: tuple[str, ...]
    status: Literal["active", "paused"]
    paused_at: datetime | None
    pause_reason: str | None
    previous_secret_works_until: datetime | None
    failing_since: datetime | None
    last_delivered_at: datetime | None
    created_at: datetime
    created_by: str
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class WebhookDelivery:
    """One event for one webhook: what is sent, and the receiver's latest answers, newest first."""

    id: str
    webhook_id: str
    message_id: str
    event: str
    state: Literal["waiting", "delivered", "given_up"]
    owed_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    last_error: str | None
    answers: tuple[DeliveryAnswer, ...]
    payload: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class WebhookDeliveryPage:
    """A page of deliveries, newest first."""

    items: tuple[WebhookDelivery, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class WebhookList:
    """The webhooks of an account, oldest first."""

    items: tuple[Webhook, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class WebhookWithSecret:
    """A webhook with the secret that signs its events, which can't be read again."""

    id: str
    account_id: str
    name: str
    url: str
    events: tuple[str, ...]
    status: Literal["active", "paused"]
    paused_at: datetime | None
    pause_reason: str | None
    previous_secret_works_until: datetime | None
    failing_since: datetime | None
    last_delivered_at: datetime | None
    created_at: datetime
    created_by: str
    secret: str = field(repr=False)
    etag: str = field(default="", compare=False)
