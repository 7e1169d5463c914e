"""The one spelling under which two names are the same name, whatever the database.

A database folds case by a rule of its own: SQLite for ASCII only, PostgreSQL by its locale. So the key is made here and
kept in a column.
"""

import unicodedata
from collections.abc import Iterable
from typing import Protocol, TypeVar

import regex

IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")


class HasName(Protocol):
    """Whatever is found again by its name."""

    name: str


Named = TypeVar("Named", bound=HasName)


def name_key(text: str) -> str:
    """Return what identifies a name: compatibility forms and case folded, without ignorable characters.

    Two names with one key look the same or differ only in case, width or spacing. This is Unicode's compatibility
    caseless matching (The Unicode Standard, section 3.13, D146), which is stable from one version of it to the next.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = text
    # Twice: folding can bring back what normalising takes apart, and the other way round.
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", IGNORABLE.sub("", unicodedata.normalize("NFKC", folded).casefold()))
    return " ".join(folded.split())


def search_key(*texts: str) -> str:
    """Return the keys of several texts as one text to search in. No key holds a line break, so no match spans two."""
    return "\n".join(name_key(text) for text in texts)


def same_named(candidates: Iterable[Named], name: str) -> Named | None:
    """Return the first of them that has this name, in any spelling that `name_key` makes one; None when none has.

    Asked of rows that a query has found by key, without one, or by name: older code, which runs on during an update,
    leaves a new row without a key, and a renamed one with the key of its name before.
    """
    key = name_key(name)
    return next((found for found in candidates if name_key(found.name) == key), None)
