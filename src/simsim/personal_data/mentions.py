"""An email address in texts: found as a whole, in any case, and replaced."""

import json
import re
from dataclasses import dataclass
from functools import cached_property

from django.db.models import F, Q, TextField
from django.db.models.functions import Cast

# What an address can go on with: bob@example.com is not in jimbob@example.com, nor in bob@example.com.au. An escape
# such as \n or \u201c, in JSON that is stored as text, does not belong to the address behind it.
BEFORE = r"(?:(?<![\w.!#$%&'*+/=?^`{|}~-])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))"
AFTER = r"(?![\w-]|\.\w)"


@dataclass(frozen=True)
class Mentions:
    """The mentions of one address."""

    address: str

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """The address, and how JSON may spell it inside a text."""
        return tuple(dict.fromkeys((self.address, json.dumps(self.address)[1:-1])))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(f"{BEFORE}(?:{'|'.join(map(re.escape, self.spellings))}){AFTER}", re.IGNORECASE)

    def are_in(self, value: object) -> bool:
        """Whether a text, or a text inside JSON, mentions the address."""
        if isinstance(value, str):
            return self.pattern.search(value) is not None
        if isinstance(value, dict):
            return any(map(self.are_in, value.values()))
        return isinstance(value, list) and any(map(self.are_in, value))

    def replaced(self, value: object, other: str) -> object:
        """Return the value with `other` in place of the address."""
        if isinstance(value, str):
            return self.pattern.sub(other, value)
        if isinstance(value, dict):
            return {name: self.replaced(each, other) for name, each in value.items()}
        return [self.replaced(each, other) for each in value] if isinstance(value, list) else value

    def condition(self, columns: tuple[str, ...]) -> Q:
        """Return a condition that every row with a mention meets, and some others. It needs `as_texts`."""
        found = Q()
        for column in columns:
            for spelling in self.spellings:
                found |= Q(**{f"{text_of(column)}__icontains": spelling})
        return found


def as_texts(columns: tuple[str, ...]) -> dict[str, Cast]:
    """Return the columns as texts, for `annotate`: JSON can't be searched otherwise."""
    return {text_of(column): Cast(F(column), TextField()) for column in columns}


def text_of(column: str) -> str:
    return f"text_of_{column}"
