"""The characters allowed in names and descriptions that people type."""

import unicodedata

import regex

from simsim.problem import FieldError, Invalid, gettext_noop

MAX_LINE_LENGTH = 200
MAX_TEXT_LENGTH = 1000
# Control characters, separators, surrogates and private-use characters end header lines or can't be encoded.
# Directional overrides and isolates can make a name look like another one (T8, T9). Other format characters are
# allowed, because they join emoji.
FORBIDDEN_CATEGORIES = {"Cc", "Zl", "Zp", "Cs", "Co"}
DIRECTIONAL = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Invisible characters: names that differ only in these look the same. The last ones are symbols that are blank.
UNSEEN = regex.compile(
    r"[[\p{Default_Ignorable_Code_Point}\p{Cf}]--\p{Prepended_Concatenation_Mark}]|[\u2800\ufffc\U0001d159]", regex.V1
)
# Places where such a character visibly changes its neighbours: emoji and their variants, flags, joiners in Arabic and
# Indic scripts (RFC 5892, appendix A), variants of ideographs and of Mongolian letters.
SEEN_IN_PLACE = regex.compile(
    r"""
    (?<=[\p{Emoji}--[0-9\#*]])[\ufe0e\ufe0f] | (?<=[0-9\#*])\ufe0f(?=\u20e3)
    | (?<=\p{Extended_Pictographic}\ufe0f?|\p{Emoji_Modifier})\u200d(?=\p{Extended_Pictographic})
    | (?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,7}\U000e007f
    | (?<=\p{ccc=9})[\u200c\u200d]
    | (?<=[\p{Joining_Type=L}\p{Joining_Type=D}]\p{Mn}*)[\u200c\u200d](?=\p{Mn}*[\p{Joining_Type=R}\p{Joining_Type=D}])
    | (?<=\p{Ideographic})[\ufe00-\ufe02\U000e0100-\U000e01ef]
    | (?<=\p{Script=Mongolian})[\u180b-\u180d\u180f]
    """,
    regex.V1 | regex.VERBOSE,
)
DRAWN = regex.compile(r"[\p{L}\p{N}\p{P}\p{S}]")


def parse_line(field: str, text: str, *, required: bool = True, longest: int = MAX_LINE_LENGTH) -> str:
    """Return a one-line text in NFC without outer spaces; raise Invalid, naming the field, for an unusable text.

    All its characters are visible, so that readers can see where two names differ.
    """
    line = unicodedata.normalize("NFC", text).strip()
    if not line and required:
        raise Invalid(FieldError(field, gettext_noop("This field is required.")))
    prove_readable(field, line, longest, allowed="")
    if unseen := UNSEEN.search(SEEN_IN_PLACE.sub("", line)):
        message = gettext_noop("The character %(code)s is invisible. Delete it, or retype the name.")
        raise Invalid(FieldError(field, message, {"code": code_of(unseen[0])}))
    if line and not shows_something(line):
        raise Invalid(FieldError(field, gettext_noop("This text is invisible. Use letters or digits.")))
    return line


def parse_text(field: str, text: str) -> str:
    """Return a text of several lines; raise Invalid, naming the field, if it is too long or contains controls."""
    body = unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()
    prove_readable(field, body, MAX_TEXT_LENGTH, allowed="\n\t")
    return body


def shows_something(text: str) -> bool:
    """Whether any character of the text is visible."""
    return DRAWN.search(UNSEEN.sub("", text)) is not None


def code_of(character: str) -> str:
    return f"U+{ord(character):04X}"


def prove_readable(field: str, text: str, longest: int, *, allowed: str) -> None:
    if len(text) > longest:
        raise Invalid(
            FieldError(field, gettext_noop("Enter at most %(longest)s characters."), {"longest": str(longest)})
        )
    for character in text:
        if character in allowed:
            continue
        if unicodedata.category(character) in FORBIDDEN_CATEGORIES or character in DIRECTIONAL:
            message = gettext_noop("The character %(code)s can't be used here.")
            raise Invalid(FieldError(field, message, {"code": code_of(character)}))
