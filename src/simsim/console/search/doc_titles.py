"""The titles of the documentation's pages and sections, from the index that its builder writes for its own search."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

INDEX = "searchindex.js"
# What a customer reads comes first. What only developers of Simsim read is not offered.
PARTS = ("administrators", "integrators", "security", "start", "operators", "reference")


@dataclass(frozen=True)
class DocTitle:
    """A title, the title of its page, and its address below the documentation's start page."""

    title: str
    page: str
    address: str


def titles_with(words: list[str], *, most: int) -> list[DocTitle]:
    """Return the titles in which each of the words begins a word; none if the documentation is not built."""
    index: Path = settings.DOCUMENTATION_ROOT / INDEX
    if not words or not index.is_file():
        return []
    found = [
        each for each, own in _titles(index, index.stat().st_mtime_ns)
        if all(any(part.startswith(word) for part in own) for word in words)
    ]  # fmt: skip
    return found[:most]


@lru_cache(maxsize=1)
def _titles(index: Path, _changed: int) -> list[tuple[DocTitle, list[str]]]:
    """Return all titles with their words, in the order in which people are likely to want them."""
    text = index.read_text(encoding="utf-8")
    found = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    pages, names = found["docnames"], found["titles"]
    titles = [
        DocTitle(title, names[page], f"{pages[page]}.html" + (f"#{anchor}" if anchor else ""))
        for title, places in found["alltitles"].items()
        for page, anchor in places
        if pages[page].partition("/")[0] in PARTS
    ]
    # A page's own title comes before those of its sections.
    titles.sort(key=lambda each: (PARTS.index(each.address.partition("/")[0]), "#" in each.address, each.title))
    return [(each, folded_words(each.title)) for each in titles]


def folded_words(text: str) -> list[str]:
    """Return the words of a text, in the form in which they are compared."""
    return "".join(each if each.isalnum() else " " for each in text.casefold()).split()
