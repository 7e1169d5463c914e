"""Passwords: made here, recognised by people, scanners and programs, and masked wherever they may turn up."""

import re
import secrets
import zlib

PREFIX = "sim_"
PATTERN = r"^sim_[0-9A-Za-z]{49}$"
MASKED = "sim_***"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_RANDOM_CHARACTERS = 43  # 62**43 > 2**256
_has_form = re.compile(PATTERN.strip("^$")).fullmatch
# The underscore may come percent-encoded in a path; what follows the 49 characters is masked with them.
_LIKE_A_PASSWORD = re.compile(r"sim(?:_|%5f)[0-9a-z]{49,}", re.IGNORECASE | re.ASCII)


def mint() -> str:
    """Return a new password: 256 random bits in base62, between a prefix and a checksum that scanners can test."""
    text = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return text + _checksum(text)


def is_well_formed(text: str) -> bool:
    """Whether the text has a password's form and checksum: says nothing about it being anybody's."""
    return _has_form(text) is not None and text[-6:] == _checksum(text[:-6])


def mask(text: str) -> str:
    """Return the text with everything that looks like a password, checksum right or wrong, made unreadable."""
    # Most texts hold none; a scan for three letters costs a tenth of the pattern.
    return _LIKE_A_PASSWORD.sub(MASKED, text) if "sim" in text.lower() else text


def _checksum(text: str) -> str:
    """Return the CRC32 of an ASCII text as six characters of base62, most significant first."""
    high, low = divmod(zlib.crc32(text.encode("ascii")), 62 * 62)
    return _PAIRS[high // (62 * 62)] + _PAIRS[high % (62 * 62)] + _PAIRS[low]
