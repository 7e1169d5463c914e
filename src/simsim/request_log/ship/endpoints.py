"""Paths without the parts that identify somebody, and the names of their endpoints.

The operator's patterns, such as /holdings/{id}, say which parts of a path identify somebody: these are not stored. An
endpoint's name also leaves out parts that look like ids, so that usage shows a million holdings as one endpoint.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

MAX_ENDPOINT_LENGTH = 200
CACHE_SIZE = 8_192
# Callers choose the paths, and thousands of very long ones would fill the worker's memory.
MAX_CACHED_CHARACTERS = 200
PLACEHOLDER = "{id}"

Pattern = tuple[str, ...]

# Matches numbers, UUIDs, long words of hexadecimal digits, and words that are too long for a person to have typed.
_is_like_an_id = re.compile(
    r"[0-9]+|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?=[^0-9]*[0-9])[0-9A-Fa-f]{12,}|.{41,}"
).fullmatch
_is_placeholder = re.compile(r"\{[a-z_]{1,30}\}").fullmatch
_has_pattern_form = re.compile(r"(?:/[!-.0-~]+)+").fullmatch


def parse_pattern(text: str) -> Pattern | None:
    """Return the parts of a pattern such as /holdings/{id}/prices; None if the text is no pattern or masks nothing."""
    if not _has_pattern_form(text):
        return None
    parts = tuple(text.split("/")[1:])
    return parts if any(map(_is_placeholder, parts)) else None


class Paths:
    """Masks paths by the operator's patterns, and names endpoints. Results are cached, because paths repeat."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._patterns: Sequence[Pattern] = tuple(patterns)
        self._cached = lru_cache(maxsize=CACHE_SIZE)(self._read)

    def read(self, path: str) -> tuple[str, str]:
        """Return the masked path, and the name of its endpoint."""
        return self._cached(path) if len(path) <= MAX_CACHED_CHARACTERS else self._read(path)

    def _read(self, path: str) -> tuple[str, str]:
        if not path.startswith("/"):
            return path, path[:MAX_ENDPOINT_LENGTH]
        parts = path[1:].split("/")
        for pattern in self._patterns:
            if _matches(pattern, parts):
                parts = [*pattern, *parts[len(pattern) :]]
        grouped = (PLACEHOLDER if _is_like_an_id(part) else part for part in parts)
        return "/" + "/".join(parts), ("/" + "/".join(grouped))[:MAX_ENDPOINT_LENGTH]


def _matches(pattern: Pattern, parts: list[str]) -> bool:
    """Whether the pattern matches the beginning of a path: the id in a longer path is masked too."""
    return len(parts) >= len(pattern) and all(
        mask == part or (part != "" and _is_placeholder(mask)) for mask, part in zip(pattern, parts, strict=False)
    )
