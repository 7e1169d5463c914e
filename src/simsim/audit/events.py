"""The vocabulary of the audit trail."""

from enum import StrEnum


class Event(StrEnum):
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_RENAMED = "account.renamed"
    ACCOUNT_CLOSED = "account.closed"
    USER_ADDED = "user.added"
    USER_INVITED = "user.invited"
    USER_REMOVED = "user.removed"
    USER_PASSWORD_RESET = "user.password_reset"  # noqa: S105
    ROLE_CHANGED = "user.role_changed"
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an event
    TOKEN_EDITED = "token.edited"  # noqa: S105
    TOKEN_CREDENTIALS_SHOWN = "token.credentials_shown"  # noqa: S105
    TOKEN_TRIED = "token.tried"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    TOKEN_ROTATED = "token.rotated"  # noqa: S105
    TOKEN_OVERLAP_ENDED = "token.overlap_ended"  # noqa: S105
    TOKEN_REQUESTED = "token.requested"  # noqa: S105
    TOKEN_REQUEST_GRANTED = "token.request_granted"  # noqa: S105
    TOKEN_REQUEST_DECLINED = "token.request_declined"  # noqa: S105
    NOTICES_CHANGED = "account.notices_changed"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_EDITED = "webhook.edited"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated"  # noqa: S105
    WEBHOOK_PAUSED = "webhook.paused"
    WEBHOOK_RESUMED = "webhook.resumed"
    WEBHOOK_TESTED = "webhook.tested"
    WEBHOOK_RESENT = "webhook.resent"
    SOFTWARE_ADDED = "software.added"
    SIGNED_IN = "session.signed_in"
    SIGN_IN_FAILED = "session.sign_in_failed"
    SIGNED_OUT = "session.signed_out"
    FORWARDING_GAP = "forwarding.gap"
    RESTORED = "installation.restored"
    CHANGE_APPLIED_AGAIN = "installation.change_applied_again"
