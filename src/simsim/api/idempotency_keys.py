"""The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a quoted string, or bare."""

import re

from django.http import HttpRequest

from simsim.problem import FieldError, Invalid, gettext_noop

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
# A structured string (RFC 9651, section 3.3.3), or a bare text such as a UUID.
_quoted = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"').fullmatch
_bare = re.compile(r"[\x21\x23-\x7e]+").fullmatch


def key_in(request: HttpRequest) -> str | None:
    """Return the request's key, None if it has none; raise Invalid for a text that is no key."""
    text = request.headers.get(HEADER)
    if text is None:
        return None
    quoted = _quoted(text.strip())
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text.strip()
    if not (quoted or _bare(key)) or len(key) > MAX_LENGTH:
        message = gettext_noop("Give a quoted text of at most %(most)s printable ASCII characters, such as a UUID.")
        raise Invalid(FieldError(HEADER, message, {"most": str(MAX_LENGTH)}))
    return key
