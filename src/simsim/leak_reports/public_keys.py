"""The public keys that sign reports: a list in GitHub's form, fetched from a URL and cached, or read from a file.

The form: https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partner-program
"""

import base64
import binascii
import functools
import json
import time
from pathlib import Path
from threading import Lock

import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from simsim.problem import ServiceUnavailable, Unusable, gettext_noop

Keys = dict[str, ec.EllipticCurvePublicKey]
FRESH_SECONDS = 3600.0
# A stranger can name any key: that must not make us ask for the list more often.
RETRY_SECONDS = 60.0
# A service that is down for a day must not keep a leaked password working.
MAX_AGE_SECONDS = 86_400.0
PATIENCE_SECONDS = 5.0
MAX_BYTES = 1 << 20
NO_LIST = gettext_noop("The list of public keys can’t be read at the moment. Send the report again later.")


def is_signed(body: bytes, signature: str, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether the base64 text is the key's ECDSA signature (DER, SHA-256) of exactly these bytes."""
    try:
        key.verify(base64.b64decode(signature, validate=True), body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


class NotAKeyList(ValueError):
    """The text is not a list of public keys; the message says why."""


def parse_keys(text: bytes) -> Keys:
    """Return the current keys of a list by their identifiers; raise ValueError for anything else.

    A key that is no longer current is left out, so it signs nothing.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("public_keys"), list):
        raise NotAKeyList("there is no list public_keys")
    found: Keys = {}
    for each in document["public_keys"]:
        if not isinstance(each, dict) or not isinstance(each.get("key_identifier"), str):
            raise NotAKeyList("a key has no key_identifier")
        key = load_pem_public_key(str(each.get("key", "")).encode())
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise NotAKeyList(f"the key {each['key_identifier']} is not of the curve P-256")
        if each.get("is_current", True) is True:
            found[each["key_identifier"]] = key
    return found


def prove_file(name: str, path: Path) -> None:
    """Raise Unusable, with the setting's name, for a file that is not a list of keys."""
    try:
        parse_keys(path.read_bytes())
    except OSError as error:
        raise Unusable("%(name)s: can't read %(path)s: %(reason)s", name=name, path=str(path),
                       reason=error.strerror or str(error)) from None  # fmt: skip
    except ValueError as error:
        raise Unusable("%(name)s: %(path)s is not a list of public keys: %(reason)s", name=name, path=str(path),
                       reason=str(error)) from None  # fmt: skip


class KeyList:
    """The keys of one source, a URL or the path of a file."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: Keys = {}
        self._fetched_at: float | None = None
        self._asked_at: float | None = None
        self._lock = Lock()

    def find(self, identifier: str) -> ec.EllipticCurvePublicKey | None:
        """Return the current key with this identifier, None if there is none.

        Raises ServiceUnavailable if the list can't be read.
        """
        with self._lock:
            if not self._source.startswith(("https://", "http://")):
                return self._from_file().get(identifier)
            if self._is_due(identifier):
                self._fetch()
            if self._fetched_at is None or time.monotonic() - self._fetched_at > MAX_AGE_SECONDS:
                raise ServiceUnavailable(NO_LIST)
            return self._keys.get(identifier)

    def _from_file(self) -> Keys:
        try:
            return parse_keys(Path(self._source).read_bytes())
        except (OSError, ValueError):
            raise ServiceUnavailable(NO_LIST) from None

    def _is_due(self, identifier: str) -> bool:
        now = time.monotonic()
        if self._asked_at is not None and now - self._asked_at < RETRY_SECONDS:
            return False
        is_old = self._fetched_at is None or now - self._fetched_at >= FRESH_SECONDS
        return is_old or identifier not in self._keys

    def _fetch(self) -> None:
        """Read the list again; if that fails, the keys stay as they are."""
        self._asked_at = time.monotonic()
        try:
            with requests.get(
                self._source, timeout=PATIENCE_SECONDS, allow_redirects=False, stream=True,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as answer:  # fmt: skip
                answer.raise_for_status()
                text = answer.raw.read(MAX_BYTES + 1)
            if answer.status_code != 200 or len(text) > MAX_BYTES:
                return
            self._keys = parse_keys(text)
        except (requests.RequestException, OSError, ValueError):
            return
        self._fetched_at = self._asked_at


@functools.cache
def key_list(source: str) -> KeyList:
    """Return the list of this source: one in each process."""
    return KeyList(source)
