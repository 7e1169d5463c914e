"""Findings about the secrets: which exist, where they come from, and what to do if one is missing."""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError

from simsim.health.doctor.findings import Finding, not_started
from simsim.health.existing_installation import is_missing
from simsim.key_wrappers.key_texts import service
from simsim.problem import KeyMissing, Unusable
from simsim.tokens import sealing_keys
from simsim.tokens.models import Token

MAKE_A_KEY = "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"


def keys() -> Iterator[Finding]:
    """Report where the keys come from, and whether they decrypt the passwords in the database."""
    try:
        ring = settings.OPERATOR.key_ring()
        number = len(ring)  # unwraps them
        secret = settings.OPERATOR.django_secret()
    except Unusable as problem:
        yield Finding("keys", False, str(problem))
        return
    operator = settings.OPERATOR
    if not (number and secret) and operator.is_embedded and is_missing(operator.database_files[0]):
        yield not_started("keys", "simsim migrate creates them for a new installation")
        return
    if not secret:
        yield Finding("keys", False, missing_secret_advice("SIMSIM_SECRET_KEY", "secret_key", "It signs sessions"))
    if not number:
        yield Finding(
            "keys", False, missing_secret_advice("SIMSIM_TOKEN_KEYS", "token_keys", "It decrypts the tokens' passwords")
        )
    if not (number and secret):
        return
    plain = sum(not service(text) for text in ring.texts()) if operator.key_wrapper else 0
    if plain:
        yield Finding("keys", False, f"{plain} of {number} are not wrapped by {operator.key_wrapper}: simsim keys wrap")
    by = f", unwrapped by {operator.key_wrapper}" if operator.key_wrapper and not plain else ""
    origin = f"{number} from {operator.origin_of_keys()}{by}"
    try:
        trouble = unopened_passwords()
    except DatabaseError:
        yield Finding("keys", True, f"{origin}; without the database, decrypting passwords can't be checked")
        return
    yield Finding(
        "keys", not trouble, f"{origin}. {trouble}" if trouble else f"{origin}, and every password has its key"
    )


def unopened_passwords() -> str:
    """Return which passwords the keys can't decrypt, and what to do about it; "" if they decrypt all."""
    at_hand = settings.KEYRING.ids()
    missing = {key: use.passwords for key, use in sorted(sealing_keys.uses().items()) if key not in at_hand}
    if missing:
        which = ", ".join(f"{key} (passwords: {number})" for key, number in missing.items())
        return f"SIMSIM_TOKEN_KEYS lacks {which}: add the key again, after the newest"
    try:
        # Try to decrypt one: a damaged password, or one copied from another row, can't be decrypted although its key is
        # there.
        if token := Token.objects.exclude(sealed_password=b"").order_by("-created_at").first():
            settings.KEYRING.open(bytes(token.sealed_password), token_id=token.pk, account_id=token.account_id)
    except KeyMissing:
        return "The newest password can't be decrypted with its key: the database is damaged, restore it from a backup"
    return ""


def missing_secret_advice(name: str, file: str, purpose: str) -> str:
    """Return what a missing secret is for, where it was expected, and how a new installation gets one."""
    operator = settings.OPERATOR
    lost = f"{name} is not set, and there is no file {operator.keys_dir / file}. {purpose}"
    if operator.is_embedded and is_missing(operator.database_files[0]):
        return f"{lost}; simsim migrate creates it for a new installation"
    if operator.is_embedded:
        return f"{lost}: restore it from its backup"
    return f"{lost}: every node needs the same value. For a new installation, create it once with {MAKE_A_KEY}"
