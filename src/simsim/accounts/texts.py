"""Names and descriptions that people type: what may stand in them."""

import unicodedata

from simsim.problem import FieldError, Invalid, gettext_noop

LINE_MAX = 200
TEXT_MAX = 1000
# Controls, line and paragraph separators, surrogates and private use end header lines or fail to be written; the
# directional overrides and isolates make a name read as another one (T8, T9). Other format characters join emoji.
FORBIDDEN_CATEGORIES = {"Cc", "Zl", "Zp", "Cs", "Co"}
DIRECTIONAL = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def parse_line(field: str, text: str, *, required: bool = True, longest: int = LINE_MAX) -> str:
    """Return a one-line text in NFC without outer spaces; raise Invalid, naming the field, when it can't be one."""
    line = unicodedata.normalize("NFC", text).strip()
    if not line and required:
        raise Invalid(FieldError(field, gettext_noop("This field is required.")))
    prove_readable(field, line, longest, allowed="")
    return line


def parse_text(field: str, text: str) -> str:
    """Return a text of several lines; raise Invalid, naming the field, when it is too long or holds controls."""
    body = unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()
    prove_readable(field, body, TEXT_MAX, allowed="\n\t")
    return body


def prove_readable(field: str, text: str, longest: int, *, allowed: str) -> None:
    if len(text) > longest:
        raise Invalid(
            FieldError(field, gettext_noop("Enter at most %(longest)s characters."), {"longest": str(longest)})
        )
    for character in text:
        if character in allowed:
            continue
        if unicodedata.category(character) in FORBIDDEN_CATEGORIES or character in DIRECTIONAL:
            code = f"U+{ord(character):04X}"
            raise Invalid(FieldError(field, gettext_noop("The character %(code)s can't be used here."), {"code": code}))
