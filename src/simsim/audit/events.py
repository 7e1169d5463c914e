"""The vocabulary of the audit trail: each event, with the names of the details that it may record.

Only these details are stored, so that a secret can't slip into the trail with a new detail.
"""

from enum import StrEnum
from typing import Self

# Any event may name the management token through which somebody acted.
MANAGEMENT_TOKEN = "management_token"  # noqa: S105
POLICY_FIELDS = (
    "max_lifetime_days", "needs_allowlist", "min_ipv4_prefix", "min_ipv6_prefix", "retrieval", "leak_response",
    "max_idle_days", "approval_above_days", "approval_if_open",
)  # fmt: skip
TOKEN_FIELDS = ("name", "description", "software", "expires_at", "allowed_networks", "limits", "rates", "report_only")
WEBHOOK_FIELDS = ("name", "host", "events")
HAND_OVER_FIELDS = ("name", "hand_over")
REQUEST_FIELDS = ("name", "asked_by")
PROPOSAL_FIELDS = ("expires_at", "allowed_networks", "limits", "rates", "report_only")


class Event(StrEnum):
    """An event: its name, then the details that it may record."""

    details: frozenset[str]

    def __new__(cls, name: str, *details: str) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.details = frozenset((*details, MANAGEMENT_TOKEN))
        return member

    ACCOUNT_CREATED = "account.created", "name", "external_id"
    ACCOUNT_RENAMED = "account.renamed", "from", "to"
    ACCOUNT_CLOSED = "account.closed", "name", "revoked_tokens"
    USER_ADDED = "user.added", "email", "role"
    USER_INVITED = "user.invited", "email", "role", "again"
    USER_REMOVED = "user.removed", "email", "role"
    USER_PASSWORD_RESET = "user.password_reset", "email", "change"
    USER_PASSWORD_CHANGED = "user.password_changed", "email", "change"
    SIGN_IN_METHOD_ADDED = "user.sign_in_method_added", "email", "change", "name"
    SIGN_IN_METHOD_REMOVED = "user.sign_in_method_removed", "email", "change", "name"
    RECOVERY_CODES_CREATED = "user.recovery_codes_created", "email", "change"
    SECOND_FACTOR_RESET = "user.second_factor_reset", "email", "change"
    SECOND_FACTOR_POLICY_CHANGED = "account.second_factor_policy_changed", "required"
    SINGLE_SIGN_ON_POLICY_CHANGED = "account.single_sign_on_policy_changed", "before", "required"
    SINGLE_SIGN_ON_WAIVED = "user.single_sign_on_waived", "email", "change", "until"
    LAST_ADMINISTRATOR_KEPT = "user.last_administrator_kept", "email"
    USER_ADDRESS_CHANGED = "user.address_changed", "email", "change", "name"
    USER_PROVISIONED = "user.provisioned", "email", "act", "active"
    GROUP_PROVISIONED = "group.provisioned", "name", "act", "added", "removed"
    ROLE_CHANGED = "user.role_changed", "email", "from", "to"
    TOKEN_CREATED = "token.created", *TOKEN_FIELDS, "notice", "imported", "asked_by"
    TOKEN_EDITED = "token.edited", *TOKEN_FIELDS, "restored"
    TOKEN_CREDENTIALS_SHOWN = "token.credentials_shown", "way"
    TOKEN_TRIED = ("token.tried",)
    TOKEN_REVOKED = "token.revoked", "name", "reason", "account_closed", "restored"
    TOKEN_PAUSED = "token.paused", "name", "until", "reason", "restored"
    TOKEN_RESUMED = "token.resumed", "name", "restored"
    TOKEN_ROTATED = "token.rotated", "overlap_seconds", "restored"
    TOKEN_OVERLAP_ENDED = "token.overlap_ended", "name", "restored"
    LEAK_REPORTED = "token.leak_reported", "name", "source", "place", "response"
    HAND_OVER_CREATED = "token.hand_over_created", *HAND_OVER_FIELDS, "expires_at", "second_word", "recipient"
    HAND_OVER_USED = "token.hand_over_used", *HAND_OVER_FIELDS, "address", "by"
    HAND_OVER_TAKEN_BACK = "token.hand_over_taken_back", *HAND_OVER_FIELDS, "restored"
    HAND_OVER_BLOCKED = "token.hand_over_blocked", *HAND_OVER_FIELDS
    TOKEN_REQUESTED = "token.requested", *REQUEST_FIELDS, "software", *PROPOSAL_FIELDS
    TOKEN_REQUEST_GRANTED = "token.request_granted", *REQUEST_FIELDS, "token"
    TOKEN_REQUEST_DECLINED = "token.request_declined", *REQUEST_FIELDS
    CREATION_FROZEN = "account.creation_frozen", "reason"
    CREATION_FREEZE_LIFTED = "account.creation_freeze_lifted", "reason"
    SELECTION_STOPPED = "token.selection_stopped", "act", "count", "filters", "reason"
    SELECTION_RESUMED = "token.selection_resumed", "count", "filters"
    SELECTION_NETWORKS = "token.selection_networks_changed", "count", "filters", "allowed_networks", "adds"
    REVIEW_STARTED = "access_review.started", "rows", "due_at"
    REVIEW_DECIDED = "access_review.decided", "name", "decision", "note", "kind"
    REVIEW_ROWS_KEPT = "access_review.rows_kept", "filter", "count", "note"
    REVIEW_SIGNED_OFF = "access_review.signed_off", "name", "fingerprint", "decisions"
    REVIEW_EXPORTED = "access_review.exported", "format"
    REVIEW_SCHEDULE_CHANGED = "account.access_review_schedule_changed", "every"
    TOKENS_EXPORTED = "token.exported", "status"
    OPERATOR_ADDED = "operator.added", "email"
    OPERATOR_REMOVED = "operator.removed", "email"
    PERSON_EXPORTED = "person.exported", "rows"
    PERSON_ERASED = "person.erased", "pseudonym"
    MAIL_RETRIED = "mail.retried", "kind", "recipient"
    MANAGEMENT_TOKEN_CREATED = "management_token.created", "name", "scopes", "expires_at", "allowed_networks"
    MANAGEMENT_TOKEN_REVOKED = "management_token.revoked", "name"
    SELF_ROTATION_CHANGED = "account.self_rotation_changed", "allowed"
    WEBHOOK_ADDED = "webhook.added", *WEBHOOK_FIELDS
    WEBHOOK_EDITED = "webhook.edited", *WEBHOOK_FIELDS, "url_changed"
    WEBHOOK_REMOVED = "webhook.removed", "name"
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated", "name"
    WEBHOOK_PAUSED = "webhook.paused", "name", "reason", "answer"
    WEBHOOK_RESUMED = "webhook.resumed", "name"
    WEBHOOK_TESTED = "webhook.tested", "name"
    WEBHOOK_RESENT = "webhook.resent", "name", "message_id", "event"
    NOTICES_CHANGED = "account.notices_changed", "audiences", "early_days"
    POLICY_CHANGED = "account.policy_changed", *POLICY_FIELDS, "destroyed"
    SOFTWARE_ADDED = "software.added", "slug", "name"
    PORTAL_LINK_CREATED = "portal.link_created", "email", "role", "expires_at", "return_url"
    PORTAL_OPENED = "portal.opened", "email", "role"
    SIGNED_IN = "session.signed_in", "methods"
    SIGN_IN_FAILED = "session.sign_in_failed", "method", "reason"
    CONFIRMED_AT_PROVIDER = ("session.confirmed_at_provider",)
    SESSION_ENDED = "session.ended", "email", "ended"
    SIGNED_OUT = ("session.signed_out",)
    LOG_EXPORTED = "log.exported", "format", "filters"
    AUDIT_EXPORTED = "audit.exported", "format", "filters"
    AUDIT_CHAIN_BEGUN = "audit.chain_begun", "earlier_events"
    AUDIT_ADOPTED = "audit.adopted", "events"
    KEY_ADDED = "key.added", "key"
    KEYS_ROTATED = "key.rotated", "key", "encrypted"
    KEYS_WRAPPED = "key.wrapped", "keys", "service"
    KEYS_UNWRAPPED = "key.unwrapped", "keys", "service"
    SOFTWARE_RETIRED = "software.retired", "slug", "name"
    BACKUP_CREATED = "installation.backed_up", "has_keys"
    FORWARDING_GAP = "forwarding.gap", "kind", "events", "queued_since", "queued_until"
    RESTORED = "installation.restored", "backup_of", "applied", "unknown"
    CHANGE_APPLIED_AGAIN = "installation.change_applied_again", "lost_events"
