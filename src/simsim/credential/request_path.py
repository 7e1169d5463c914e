"""The path of a request in one normal form, or None where a proxy and an API could read different paths.

RFC 3986, section 6.2.2, with one difference: what that section would resolve and some programs resolve otherwise (dot
segments, empty segments, encoded separators) is refused. So the normal form of an accepted path is what every program
reads, and whoever compares normal forms decides on the path that the API will see.
"""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote_to_bytes

MAX_PATH_CHARACTERS = 2048
CACHE_SIZE = 1024  # caches normal forms, never decisions

# The characters that may stand for themselves in a path (RFC 3986, section 3.3), without the semicolon: Java's servers
# cut off a segment at it.
_PLAIN = "A-Za-z0-9._~!$&'()*+,=:@/-"
_has_plain_characters = re.compile(rf"/[{_PLAIN}]*").fullmatch
_has_form = re.compile(rf"/(?:[{_PLAIN}]|%[0-9A-Fa-f]{{2}})*").fullmatch
_encoded_byte = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")
# Decoded once or twice by one program and not by another, each of these could end a segment, the path or the text.
_SEPARATORS = frozenset("/\\;%?#")
# Windows removes dots and spaces at the end of a name; some programs remove spaces at its beginning.
_has_odd_segment = re.compile(r"//|[. ](?:/|\Z)|/ ").search


def normal_path(target: str) -> str | None:
    """Return the path of a request target, without its query, in normal form; None if it could be read in two ways.

    Percent-encoded unreserved characters are decoded, and the digits of other encodings are in upper case. Never
    raises.
    """
    path = target.partition("?")[0]
    if _has_plain_characters(path) is None:
        return _decoded_path(path) if len(path) <= MAX_PATH_CHARACTERS else None
    # Of the odd segments, only these can be made of plain characters; three searches take less time than one pattern.
    if "//" in path or "./" in path or path[-1] == "." or len(path) > MAX_PATH_CHARACTERS:
        return None
    return path


@lru_cache(maxsize=CACHE_SIZE)
def _decoded_path(path: str) -> str | None:
    if _has_form(path) is None:
        return None
    try:
        text = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return None
    if _has_odd_segment(text) or any(map(_is_separator, _encoded_characters(path))):
        return None
    return _encoded_byte.sub(_normal_byte, path)


def _encoded_characters(path: str) -> str:
    """Return the characters that are percent-encoded in the path, which is known to be UTF-8."""
    return b"".join(bytes([int(digits, 16)]) for digits in _encoded_byte.findall(path)).decode()


def _is_separator(character: str) -> bool:
    """Whether some program takes the character, or one that it is folded to, for a separator or an end."""
    if character.isascii():
        return character in _SEPARATORS or not character.isprintable()
    # Windows and programs that apply NFKC read a full-width slash or dot as the ASCII one.
    folded = unicodedata.normalize("NFKC", character)
    return not character.isprintable() or any(each in _SEPARATORS or each == "." for each in folded)


def _normal_byte(match: re.Match[str]) -> str:
    value = int(match[1], 16)
    return chr(value) if value in _UNRESERVED_BYTES else f"%{value:02X}"
