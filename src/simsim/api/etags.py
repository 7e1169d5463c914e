"""Entity tags and preconditions (RFC 9110, sections 8.8.3 and 13.1.1): no editor overwrites another's change unseen."""

import hashlib
import json
from collections.abc import Mapping

from django.http import HttpRequest

from simsim.management_problem import PreconditionFailed, PreconditionRequired

# These change without anybody editing anything.
VOLATILE = frozenset({"last_used_at", "last_used_address", "last_sign_in_at", "last_delivered_at", "failing_since"})


def etag_of(document: Mapping[str, object]) -> str:
    """Return the tag of a document, which stays the same until somebody changes the thing itself."""
    steady = {name: value for name, value in document.items() if name not in VOLATILE}
    return f'"{hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest()[:32]}"'


def prove_unchanged(request: HttpRequest, document: Mapping[str, object]) -> None:
    """Return if the request was made for this state of the document; raise PreconditionRequired or PreconditionFailed.

    Call it in the transaction of the change, with the row locked.
    """
    wanted = request.headers.get("If-Match")
    if wanted is None:
        raise PreconditionRequired
    tags = {tag.strip() for tag in wanted.split(",")}
    if "*" not in tags and etag_of(document) not in tags:
        raise PreconditionFailed
