"""The fingerprint of a review: a digest over everything that the exported file says."""

import hashlib
import json
from collections.abc import Mapping


def fingerprint_of(document: Mapping[str, object]) -> str:
    """Return the SHA-256 of a review's JSON without its fingerprint, in hexadecimal.

    Sorted keys and no spaces make one spelling of it, however a program has written the file.
    """
    said = {name: value for name, value in document.items() if name != "fingerprint"}
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
