"""The decision on a request, from its credentials, the token's record, the caller's address and the time."""

import hmac
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from simsim.credential.allowlist import Address, allows


class Reason(StrEnum):
    """The values of the log's `reason`: stable names, which filters use."""

    OK = "ok"
    NO_CREDENTIALS = "no_credentials"
    MALFORMED = "malformed"
    UNKNOWN_CREDENTIALS = "unknown_credentials"
    EXPIRED = "expired"
    REVOKED = "revoked"
    PAUSED = "paused"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    LIMIT = "limit"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"


class Cause(StrEnum):
    """The exact observation, finer than the reason; the log's `detail` is a sentence about it."""

    OK = "ok"
    PREVIOUS_PASSWORD = "previous_password"  # noqa: S105
    OUTSIDE_ALLOWLIST = "outside_allowlist"
    PREVIOUS_AND_OUTSIDE = "previous_and_outside"
    OUTSIDE_LIMITS = "outside_limits"
    PREVIOUS_AND_LIMITS = "previous_and_limits"
    NO_CREDENTIALS = "no_credentials"
    TWO_HEADERS = "two_headers"
    TOO_LONG = "too_long"
    SCHEME = "scheme"
    BAD_ENCODING = "bad_encoding"
    NO_COLON = "no_colon"
    USERNAME_FORM = "username_form"
    PASSWORD_FORM = "password_form"  # noqa: S105
    PASSWORD_UNKNOWN = "password_unknown"  # noqa: S105
    OTHER_ACCOUNT = "other_account"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    EXPIRED = "expired"
    PAUSED = "paused"
    ADDRESS_UNKNOWN = "address_unknown"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    LIMIT_METHOD = "limit_method"
    LIMIT_PATH = "limit_path"
    LIMIT_UNCLEAR = "limit_unclear"
    LIMIT_UNNAMED = "limit_unnamed"
    THROTTLED = "throttled"
    THROTTLED_USERNAME = "throttled_username"
    RATE = "rate"
    QUOTA_DAY = "quota_day"
    QUOTA_MONTH = "quota_month"
    UNDECIDED = "undecided"


class Decision(NamedTuple):
    """The verdict on one request.

    `claim` is the account id, in canonical form, that a request claims when it is refused before its password is looked
    up; otherwise None.
    """

    reason: Reason
    cause: Cause
    claim: str | None = None


class Credentials(NamedTuple):
    """Well-formed credentials from a caller: an account's id, and the digest of the password.

    The username is None if the digest alone finds the token: with Bearer there is no username, and that of imported
    credentials may be part of the digest. The parser does not pass the password on, so that no later code can log,
    store or compare it.
    """

    username: str | None
    digest: bytes


class Record(NamedTuple):
    """The token that a password belongs to, as of the last commit.

    `superseded_at` is the end of a previous password's overlap, None for the current password; `allowlist` is packed by
    `allowlist.pack` and `limits` by `limits.pack`, and neither refuses anything while they are `report_only`; a token
    that is `paused` works again from `paused_until` on, or only after a resume if that is None; `rates` is packed by
    `rates.pack`; ids are canonical UUIDs, and times are timezone-aware.
    """

    token_id: str
    account_id: str
    name: str
    digest: bytes
    expires_at: datetime
    revoked: bool
    allowlist: bytes
    superseded_at: datetime | None
    report_only: bool = False
    paused: bool = False
    paused_until: datetime | None = None
    limits: str = ""
    rates: str = ""


OK = Decision(Reason.OK, Cause.OK)
OK_BY_PREVIOUS = Decision(Reason.OK, Cause.PREVIOUS_PASSWORD)
OK_OUTSIDE = Decision(Reason.OK, Cause.OUTSIDE_ALLOWLIST)
OK_BY_PREVIOUS_OUTSIDE = Decision(Reason.OK, Cause.PREVIOUS_AND_OUTSIDE)
PASSWORD_UNKNOWN = Decision(Reason.UNKNOWN_CREDENTIALS, Cause.PASSWORD_UNKNOWN)
OTHER_ACCOUNT = Decision(Reason.UNKNOWN_CREDENTIALS, Cause.OTHER_ACCOUNT)
SUPERSEDED = Decision(Reason.UNKNOWN_CREDENTIALS, Cause.SUPERSEDED)
REVOKED = Decision(Reason.REVOKED, Cause.REVOKED)
EXPIRED = Decision(Reason.EXPIRED, Cause.EXPIRED)
PAUSED = Decision(Reason.PAUSED, Cause.PAUSED)
ADDRESS_UNKNOWN = Decision(Reason.ADDRESS_NOT_ALLOWED, Cause.ADDRESS_UNKNOWN)
ADDRESS_NOT_ALLOWED = Decision(Reason.ADDRESS_NOT_ALLOWED, Cause.ADDRESS_NOT_ALLOWED)
OK_OUTSIDE_LIMITS = Decision(Reason.OK, Cause.OUTSIDE_LIMITS)
OK_BY_PREVIOUS_OUTSIDE_LIMITS = Decision(Reason.OK, Cause.PREVIOUS_AND_LIMITS)
LIMIT_METHOD = Decision(Reason.LIMIT, Cause.LIMIT_METHOD)
LIMIT_PATH = Decision(Reason.LIMIT, Cause.LIMIT_PATH)
LIMIT_UNCLEAR = Decision(Reason.LIMIT, Cause.LIMIT_UNCLEAR)
LIMIT_UNNAMED = Decision(Reason.LIMIT, Cause.LIMIT_UNNAMED)
UNDECIDED = Decision(Reason.UNAVAILABLE, Cause.UNDECIDED)

_NO_DIGEST = bytes(32)


def decide(  # noqa: PLR0911 - one return for each verdict
    credentials: Credentials, record: Record | None, *, address: Address | None, now: datetime
) -> Decision:
    """Return the verdict on well-formed credentials. Reads no clock and does no I/O.

    `record` is the record stored under the password's digest, or None if there is none; `address` is None if unknown.
    Order matters: the password is checked first, so only a caller who has the password can learn a later reason.
    """
    # Compare the digests although the lookup matched: an index may compare by collation, but digests must be equal byte
    # for byte. Compare for an unknown password too: otherwise the response time would reveal whether the password is
    # known.
    known = hmac.compare_digest(credentials.digest, _NO_DIGEST if record is None else record.digest)
    if record is None or not known:
        return PASSWORD_UNKNOWN
    if credentials.username != record.account_id and credentials.username is not None:
        return OTHER_ACCOUNT
    if record.superseded_at is not None and now >= record.superseded_at:
        return SUPERSEDED
    if record.revoked:
        return REVOKED
    # Use >=: at the instant of expiry the token no longer works (this comparison was wrong in Vault: CVE-2021-32923).
    if now >= record.expires_at:
        return EXPIRED
    # Use <: at the instant at which the pause ends, the token works again.
    if record.paused and (record.paused_until is None or now < record.paused_until):
        return PAUSED
    if not allows(record.allowlist, address):
        if not record.report_only:
            return ADDRESS_UNKNOWN if address is None else ADDRESS_NOT_ALLOWED
        return OK_OUTSIDE if record.superseded_at is None else OK_BY_PREVIOUS_OUTSIDE
    return OK if record.superseded_at is None else OK_BY_PREVIOUS


def next_turn(record: Record | None, now: datetime) -> datetime | None:
    """Return the next time at which `decide` may reach another decision on the same record; None for never."""
    if record is None:
        return None
    turns = (record.superseded_at, record.expires_at, record.paused_until)
    return min((turn for turn in turns if turn is not None and turn > now), default=None)
