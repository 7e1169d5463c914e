"""Passwords: creates them, recognizes them, and masks them wherever they may appear."""

import re
import secrets
import zlib

PREFIX = "sim_"
PATTERN = r"^sim_[0-9A-Za-z]{49}$"
MASKED = "sim_***"
END_LENGTH = 4

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_RANDOM_CHARACTERS = 43  # 62**43 > 2**256
_whole = re.compile(r"(?<![0-9A-Za-z])" + PATTERN.strip("^$") + r"(?![0-9A-Za-z])")
_has_form = re.compile(PATTERN.strip("^$")).fullmatch

# The prefix counts as part of a password only if random-looking text follows: `sim_cards` may be a name in somebody's
# API. `simm_` begins the passwords of management tokens.
_part = re.compile(r"simm?_([0-9a-z]{6,})", re.IGNORECASE | re.ASCII)
_run = re.compile(r"[0-9A-Za-z]{16,}", re.ASCII)
# A text of this length counts as random, unless it is a single word in lower case or in capitals.
_RANDOM_LENGTH, _WHOLE_LENGTH = 16, 49
# `sim_` and `simm_` in base64, at each of the three possible offsets. The characters of passwords and usernames never
# become "+", "-", "/" or "_" in base64, so a run of letters and digits contains a whole password.
_in_base64 = re.compile("c2lt(?:X|bV)|Npb(?:V|W1f)|zaW1(?:f|tX)")
_base64_run = re.compile(r"[0-9A-Za-z]{8,}(?:={1,2}|(?:%3[Dd]){1,2})?", re.ASCII)
# Unnecessary escapes: those of letters, digits and the underscore, and of the percent sign of another escape.
_odd_escapes = re.compile(r"(?:%(?:25|3[0-9]|[46][1-9a-f]|[57][0-9a]|5f))+", re.IGNORECASE)
_escaped_percent = re.compile(r"%(?:25){2,}")
_MAX_DECODINGS = 5


def mint(prefix: str = PREFIX) -> str:
    """Return a new password: 256 random bits in base62, between a prefix and a checksum that scanners can verify."""
    text = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return text + _checksum(text)


def end_of(password: str) -> str:
    """Return the last characters of a password, by which people recognise it.

    They belong to the checksum. See docs/decisions/0028-last-four-characters.md for how much they reveal about the
    random part.
    """
    return password[-END_LENGTH:]


def is_well_formed(text: str) -> bool:
    """Whether the text has the form and the checksum of a password, whether or not it belongs to a token."""
    return _has_form(text) is not None and ends_in_its_checksum(text)


def ends_in_its_checksum(text: str) -> bool:
    """Whether the last characters of an ASCII text are the checksum of the others."""
    return text[-6:] == _checksum(text[:-6])


def whole_ones(text: str) -> list[str]:
    """Return the complete passwords in the text, such as a line of somebody's configuration."""
    return [found for found in _whole.findall(text) if is_well_formed(found)]


def holds_one(text: str) -> bool:
    """Whether the text contains something that looks like a password or a part of one."""
    return mask(text) != text


def mask(text: str) -> str:
    """Return the text with everything masked that looks like a password or a part of one.

    This includes passwords that are percent-encoded, however often, or in base64, with or without a username.
    """
    if not may_hold_one(text):
        return text
    plain = _decoded(text)
    masked = _base64_run.sub(_mask_base64, _part.sub(_mask_part, plain))
    if masked == plain:
        return text
    # The rest of the password may follow the masked part, and nothing else distinguishes that rest from an id.
    return _run.sub(_mask_half, masked)


def may_hold_one(text: str) -> bool:
    """Whether the text may contain a password. A quick check, because almost no text contains one."""
    return (
        "sim" in text.lower()
        or ("%" in text and _odd_escapes.search(text) is not None)
        or _in_base64.search(text) is not None
    )


def _mask_part(found: re.Match[str]) -> str:
    tail = found[1]
    is_word = tail.isalpha() and (tail.islower() or tail.isupper()) and len(tail) < _WHOLE_LENGTH
    looks_random = not is_word if len(tail) >= _RANDOM_LENGTH else _is_mixed(tail)
    return MASKED if looks_random else found[0]


def _mask_base64(found: re.Match[str]) -> str:
    return MASKED if _in_base64.search(found[0]) else found[0]


def _is_mixed(text: str) -> bool:
    """Whether the text holds digits, capital letters and lower-case letters."""
    return not (text.isalpha() or text.isdigit() or text == text.lower() or text == text.upper())


def _mask_half(found: re.Match[str]) -> str:
    return MASKED if _is_mixed(found[0]) else found[0]


def _decoded(text: str) -> str:
    """Return the text with its unnecessary escapes decoded.

    "%252525" is decoded in one step, because one step for each "%25" would take quadratic time.
    """
    for _ in range(_MAX_DECODINGS):
        if "%" not in text or not _odd_escapes.search(text):
            break
        text = _odd_escapes.sub(_decode, _escaped_percent.sub("%25", text))
    return text


def _decode(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("ascii")


def _checksum(text: str) -> str:
    """Return the CRC32 of an ASCII text as six characters of base62, most significant first."""
    high, low = divmod(zlib.crc32(text.encode("ascii")), 62 * 62)
    return _PAIRS[high // (62 * 62)] + _PAIRS[high % (62 * 62)] + _PAIRS[low]
