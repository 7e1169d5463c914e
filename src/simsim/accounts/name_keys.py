"""Keys that are equal for equivalent names, on every database.

Databases fold case differently: SQLite for ASCII only, PostgreSQL by its locale. So the key is computed here and stored
in a column.
"""

import unicodedata
from collections.abc import Iterable
from typing import Protocol, TypeVar

import regex

IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")


class HasName(Protocol):
    """Anything that can be found by its name."""

    name: str


Named = TypeVar("Named", bound=HasName)


def name_key(text: str) -> str:
    """Return the key of a name: with compatibility forms and case folded, and without ignorable characters.

    Two names with the same key look the same or differ only in case, width or spacing. This is Unicode's compatibility
    caseless matching (The Unicode Standard, section 3.13, D146), which is stable across versions.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = text
    # Do both steps twice: folding can undo normalization, and normalization can undo folding.
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", IGNORABLE.sub("", unicodedata.normalize("NFKC", folded).casefold()))
    return " ".join(folded.split())


def search_key(*texts: str) -> str:
    """Return the keys of several texts as one text to search. No key contains a line break, so no match spans two."""
    return "\n".join(name_key(text) for text in texts)


def same_named(candidates: Iterable[Named], name: str) -> Named | None:
    """Return the first candidate whose name has the same `name_key` as this name, or None if there is none.

    Candidates are rows found by key, or by an empty key: code from before the keys stores a new row without one.
    """
    key = name_key(name)
    return next((found for found in candidates if name_key(found.name) == key), None)
