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
    USER_PASSWORD_CHANGED = "user.password_changed"  # noqa: S105
    SIGN_IN_METHOD_ADDED = "user.sign_in_method_added"
    SIGN_IN_METHOD_REMOVED = "user.sign_in_method_removed"
    RECOVERY_CODES_CREATED = "user.recovery_codes_created"
    SECOND_FACTOR_RESET = "user.second_factor_reset"
    SECOND_FACTOR_POLICY_CHANGED = "account.second_factor_policy_changed"
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
    SOFTWARE_ADDED = "software.added"
    SIGNED_IN = "session.signed_in"
    SIGN_IN_FAILED = "session.sign_in_failed"
    SESSION_ENDED = "session.ended"
    SIGNED_OUT = "session.signed_out"
    FORWARDING_GAP = "forwarding.gap"
    RESTORED = "installation.restored"
    CHANGE_APPLIED_AGAIN = "installation.change_applied_again"
