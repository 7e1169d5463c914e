"""The rules for credentials of another system, which a token can be imported with."""

import base64
import binascii
import re
from dataclasses import dataclass, field

from simsim.credential import basic, digest, password
from simsim.problem import FieldError, Invalid, gettext_noop

MIN_PASSWORD_BYTES, MAX_PASSWORD_BYTES = 12, 512
MAX_USERNAME_LENGTH = 128
# The gate refuses a longer header: see `basic.MAX_BASE64_BYTES`.
MAX_PAIR_BYTES = basic.MAX_BASE64_BYTES * 3 // 4
_is_hexadecimal = re.compile(r"[0-9A-Fa-f]{64}").fullmatch
_is_base64 = re.compile(r"[0-9A-Za-z+/]{43}=?").fullmatch


@dataclass(frozen=True, slots=True)
class ForeignCredentials:
    """Credentials as another system knows them: `username` is "" for the account's id.

    Either `password` is known, or only `sha256`, the digest of a password.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    sha256: bytes = field(default=b"", repr=False)

    def digest_for(self, account_id: str) -> bytes:
        """Return the digest by which the gate looks up these credentials of an account."""
        if not self.username and password.is_well_formed(self.password):
            return digest.digest(self.password)
        sha256 = self.sha256 or digest.sha256_of(self.password)
        return digest.imported_digest(self.username or account_id, sha256)


def parse_credentials(username: str, secret: str, sha256: str, *, account_id: str) -> ForeignCredentials:
    """Return the credentials; raise Invalid, naming the field, where the gate could never accept them."""
    if bool(secret) == bool(sha256):
        message = gettext_noop("Give either a password or the SHA-256 of one.")
        raise Invalid(FieldError("password", message))
    name = "" if username == account_id else username
    if name:
        prove_username(name)
    if sha256:
        return ForeignCredentials(name, sha256=parse_sha256(sha256))
    prove_password(secret, name or account_id)
    return ForeignCredentials(name, secret)


def prove_username(username: str) -> None:
    """Raise Invalid for a username that can't be sent, or that claims an account."""
    if len(username) > MAX_USERNAME_LENGTH:
        message = gettext_noop("Enter at most %(longest)s characters.")
        raise Invalid(FieldError("username", message, {"longest": str(MAX_USERNAME_LENGTH)}))
    if basic.is_account_id(username.lower()):
        message = gettext_noop("This is the id of another account. Leave the username empty to use the account's id.")
        raise Invalid(FieldError("username", message))
    if ":" in username:
        # RFC 7617, section 2.
        raise Invalid(FieldError("username", gettext_noop("A username can't contain a colon.")))
    prove_sendable("username", username)


def prove_password(secret: str, username: str) -> None:
    """Raise Invalid for a password that can't be sent with the username, or that is easily guessed."""
    prove_sendable("password", secret)
    size = len(secret.encode())
    if size < MIN_PASSWORD_BYTES:
        message = gettext_noop("The password is too short: it needs at least %(least)s characters.")
        raise Invalid(FieldError("password", message, {"least": str(MIN_PASSWORD_BYTES)}))
    if size > MAX_PASSWORD_BYTES or len(f"{username}:{secret}".encode()) > MAX_PAIR_BYTES:
        message = gettext_noop("The password is too long: at most %(most)s bytes can be sent with its username.")
        most = min(MAX_PASSWORD_BYTES, MAX_PAIR_BYTES - len(username.encode()) - 1)
        raise Invalid(FieldError("password", message, {"most": str(most)}))


def prove_sendable(name: str, text: str) -> None:
    """Raise Invalid for characters that programs do not send as they stand."""
    if not basic.is_printable(text):
        raise Invalid(FieldError(name, gettext_noop("Control characters can't be used here.")))
    if text != text.strip():
        raise Invalid(FieldError(name, gettext_noop("This begins or ends with white space.")))


def parse_sha256(text: str) -> bytes:
    """Return the 32 bytes of a digest in hexadecimal or base64; raise Invalid otherwise."""
    if _is_hexadecimal(text):
        return bytes.fromhex(text)
    if _is_base64(text):
        try:
            return base64.b64decode(text.rstrip("=") + "=", validate=True)
        except binascii.Error:
            pass
    message = gettext_noop("This is not a SHA-256: give 64 hexadecimal digits, or 44 characters of base64.")
    raise Invalid(FieldError("sha256", message))
