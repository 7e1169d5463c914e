"""Names that look alike although their spellings differ (Unicode Technical Standard 39, section 4)."""

import functools
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from simsim.accounts.name_keys import IGNORABLE, name_key


def lookalike(name: str, among: Iterable[str]) -> str | None:
    """Return the first of the names that people could mistake for this one, or None if there is none.

    A name with the same `name_key` counts as the same name, not as a lookalike.
    """
    key, wanted = name_key(name), shapes(name)
    return next((other for other in among if shapes(other) & wanted and name_key(other) != key), None)


def lookalikes(names: Iterable[str], among: Iterable[str]) -> dict[str, str]:
    """Return, for each of the names, the first of the others that `lookalike` would return; without it if none does.

    Takes time in proportion to the number of names, not to its square.
    """
    by_shape: dict[str, list[str]] = defaultdict(list)
    for other in among:
        for shape in shapes(other):
            by_shape[shape].append(other)
    found = {name: lookalike(name, (other for shape in shapes(name) for other in by_shape[shape])) for name in names}
    return {name: other for name, other in found.items() if other is not None}


def shapes(name: str) -> frozenset[str]:
    """Return two skeletons of a name: as written, and in lower case.

    Both are needed: a capital I looks like an l, and a Cyrillic і looks like an i.
    """
    return frozenset({skeleton(name).casefold(), skeleton(name_key(name))})


def skeleton(text: str) -> str:
    """Return the text with each confusable character replaced by its prototype: to compare, never to show."""
    if text.isascii():
        return " ".join(text.translate(prototypes()).split())
    drawn = IGNORABLE.sub("", unicodedata.normalize("NFD", text)).translate(prototypes())
    return " ".join(unicodedata.normalize("NFD", drawn).split())


@functools.cache
def prototypes() -> dict[int, str]:
    """Return, for each confusable character, its prototype: the text for all characters that look like it.

    The library lists pairs in both directions, such as from “l” to each of “1”, “I” and “|” and back. The prototype is
    the text that several characters are confused with. If there are two such texts, the longer one is the prototype
    (“m” looks like “rn”).
    """
    # Import the pairs on first use: there are a hundred thousand, which would slow down every start of the command
    # line.
    from confusable_homoglyphs.confusables import confusables_data  # noqa: PLC0415

    known = {text: [pair["c"] for pair in pairs] for text, pairs in confusables_data.items()}
    found = {}
    for text, others in known.items():
        if len(text) == 1 and len(others) == 1:
            [other] = others
            is_alone = len(known.get(other, ())) == 1
            if not is_alone or (len(other), text) > (1, other):
                # The library's data wraps right-to-left characters in direction marks.
                found[ord(text)] = other.strip("\u200e")
    return found
