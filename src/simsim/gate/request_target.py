"""How a proxy states the target of a request: bytes that no URL may contain, and headers that disagree."""

import string
from collections.abc import Mapping
from urllib.parse import quote

_PRINTABLE = string.ascii_letters + string.digits + string.punctuation


def printable(target: bytes) -> str:
    """Return the target with each byte that is not printable ASCII as %XX, as a correct client would write it."""
    return quote(target, safe=_PRINTABLE)


def is_named(headers: Mapping[str, str]) -> bool:
    """Whether a proxy's headers name one method and one target.

    A proxy sets one of two headers for each, and may pass on the other one as the caller sent it.
    """
    method, target = headers.get("x-forwarded-method"), headers.get("x-forwarded-uri")
    other_method, other_target = headers.get("x-original-method"), headers.get("x-original-uri")
    if other_method is None and other_target is None:
        return bool(method and target)
    is_one = (not method or not other_method or method == other_method) and (
        not target or not other_target or target == other_target
    )
    return is_one and bool((method or other_method) and (target or other_target))
