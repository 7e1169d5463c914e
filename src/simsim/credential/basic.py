"""HTTP Basic credentials (RFC 7617), parsed once at the edge, from bytes, by one strict grammar.

    credentials = "Basic" 1*SP base64( account-id ":" password )

If two parsers disagree about a header, a caller can get past the stricter one. Therefore everything that two parsers
might read differently is refused: a second header, junk or spare bits in the base64, a username in another spelling.
"""

import binascii
import re
from collections.abc import Sequence

from simsim.credential.decision import Cause, Credentials, Decision, Reason
from simsim.credential.digest import digest
from simsim.credential.password import is_well_formed

MAX_HEADER_BYTES = 8 * 1024
MAX_BASE64_BYTES = 1024

NO_CREDENTIALS = Decision(Reason.NO_CREDENTIALS, Cause.NO_CREDENTIALS)
TWO_HEADERS = Decision(Reason.MALFORMED, Cause.TWO_HEADERS)
TOO_LONG = Decision(Reason.MALFORMED, Cause.TOO_LONG)
SCHEME = Decision(Reason.MALFORMED, Cause.SCHEME)
BAD_ENCODING = Decision(Reason.MALFORMED, Cause.BAD_ENCODING)
NO_COLON = Decision(Reason.MALFORMED, Cause.NO_COLON)
USERNAME_FORM = Decision(Reason.UNKNOWN_CREDENTIALS, Cause.USERNAME_FORM)

# Do not use uuid.UUID: it accepts braces, "urn:uuid:" and dashes in odd places.
_is_account_id = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def parse(values: Sequence[bytes]) -> Credentials | Decision:  # noqa: PLR0911 - one return for each kind of error
    """Return the credentials in a request's Authorization headers, or the decision that refuses them.

    `values` holds the value of every such header, without the white space around it (RFC 9110, 5.5). Never raises.
    """
    if len(values) != 1:
        return TWO_HEADERS if values else NO_CREDENTIALS
    value = values[0]
    if len(value) > MAX_HEADER_BYTES:
        return TOO_LONG
    if value[:6].lower() != b"basic ":
        return SCHEME
    encoded = value[6:].lstrip(b" ")
    if len(encoded) > MAX_BASE64_BYTES:
        return TOO_LONG
    text = _decode(encoded)
    if text is None:
        return BAD_ENCODING
    username, colon, password = text.partition(":")
    if not colon:
        return NO_COLON
    if not _is_account_id(username):
        return USERNAME_FORM
    if not is_well_formed(password):
        return Decision(Reason.UNKNOWN_CREDENTIALS, Cause.PASSWORD_FORM, claim=username)
    return Credentials(username, digest(password))


def _decode(encoded: bytes) -> str | None:
    """Return the UTF-8 text that the canonical base64 encodes, or None for any other value."""
    try:
        decoded = binascii.a2b_base64(encoded)
        # The decoder drops junk such as NUL, and ignores the spare bits before the padding. Only base64 that is
        # identical after decoding and encoding has a single meaning.
        return decoded.decode() if binascii.b2a_base64(decoded, newline=False) == encoded else None
    except ValueError:
        return None
