"""The fingerprint of a review: a digest over everything that the exported file says."""

import hashlib
import json
from collections.abc import Callable, Mapping

from simsim.problem import Conflict, gettext_noop


def fingerprint_of(document: Mapping[str, object]) -> str:
    """Return the SHA-256 of a review's JSON without its fingerprint, in hexadecimal.

    Sorted keys and no spaces make one spelling of it, however a program has written the file.
    """
    said = {name: value for name, value in document.items() if name != "fingerprint"}
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def proven_file(text: str, fingerprint_at_sign_off: Callable[[str], str]) -> dict[str, object]:
    """Return what a review's JSON file says of its sign-off, if it is unchanged; raise Conflict for any other file.

    `fingerprint_at_sign_off` finds what was recorded when the review with that id was signed off.
    """
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.get("fingerprint"):
        raise Conflict(gettext_noop("This is not the JSON file of a review that was signed off."))
    recorded = fingerprint_at_sign_off(str(document.get("id")))
    if not document["fingerprint"] == recorded == fingerprint_of(document):
        raise Conflict(gettext_noop("This file is not as it was signed off: its contents have been changed."))
    return {name: document.get(name) for name in ("id", "signed_off_at", "signed_off_by", "signed_off_name")} | {
        "fingerprint": recorded, "unchanged": True,
    }  # fmt: skip
