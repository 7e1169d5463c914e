"""HTTP Basic credentials (RFC 7617), parsed once at the edge, from bytes, by one strict grammar.

    credentials = "Basic" 1*SP base64( account-id ":" password )

If two parsers disagree about a header, a caller can get past the stricter one. Therefore everything that two parsers
might read differently is refused: a second header, junk or spare bits in the base64, a username in another spelling.
"""

import binascii
import re
from collections.abc import Sequence

from simsim.credential.decision import Cause, Credentials, Decision, Reason
from simsim.credential.digest import digest, imported_digest, sha256_of
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
is_account_id = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
# Imported credentials have no other form. A control character would make them look like others in a log.
is_printable = re.compile(r"[^\x00-\x1f\x7f-\x9f]+").fullmatch


def parse(  # noqa: PLR0911 - one return for each kind of error
    values: Sequence[bytes], *, admits_foreign: bool = False
) -> Credentials | Decision:
    """Return the credentials in a request's Authorization headers, or the decision that refuses them.

    `values` holds the value of every such header, without the white space around it (RFC 9110, 5.5). With
    `admits_foreign`, a username and a password of another form than ours are credentials too. Never raises.
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
    is_claim = is_account_id(username) is not None
    if is_claim and is_well_formed(password):
        return Credentials(username, digest(password))
    if admits_foreign and is_printable(username) and is_printable(password):
        return Credentials(username if is_claim else None, imported_digest(username, sha256_of(password)))
    return Decision(Reason.UNKNOWN_CREDENTIALS, Cause.PASSWORD_FORM, claim=username) if is_claim else USERNAME_FORM


def is_foreign(parsed: Credentials | Decision) -> bool:
    """Whether the parser refused credentials of another form than ours, which may have been imported."""
    return isinstance(parsed, Decision) and parsed.cause in {Cause.USERNAME_FORM, Cause.PASSWORD_FORM}


def _decode(encoded: bytes) -> str | None:
    """Return the UTF-8 text that the canonical base64 encodes, or None for any other value."""
    try:
        decoded = binascii.a2b_base64(encoded)
        # The decoder drops junk such as NUL, and ignores the spare bits before the padding. Only base64 that is
        # identical after decoding and encoding has a single meaning.
        return decoded.decode() if binascii.b2a_base64(decoded, newline=False) == encoded else None
    except ValueError:
        return None
