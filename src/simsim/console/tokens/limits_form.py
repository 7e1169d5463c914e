"""The part of a token's form that says what the token may do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from django.http import QueryDict

from simsim.console.error_summary import SummaryError
from simsim.credential.limits import MAX_RULES, READ_ONLY
from simsim.problem import FieldError, gettext_noop
from simsim.tokens.models import Token

ROW = "limits."
ADD = "add-limit"
NO_RULE = gettext_noop("Enter at least one request, or let the token do everything.")
_is_removal = re.compile(r"remove-limit-([0-9]{1,6})").fullmatch


class May(StrEnum):
    """What a token may do, as the form offers it."""

    EVERYTHING = "everything"
    READ = "read"
    LISTED = "listed"


@dataclass
class LimitRow:
    """One line of the limits; `has_focus`: this line gets the focus, so that the person continues there."""

    number: int
    text: str
    error: str = ""
    has_focus: bool = False


@dataclass
class LimitsForm:
    """The choice, and the rules as they were typed; `previewed` holds the rules that the person has previewed."""

    may: May = May.EVERYTHING
    texts: list[str] = field(default_factory=list)
    previewed: str = ""
    focus_row: int | None = None

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return what the browser sent; a line with a line break becomes several lines."""
        lines = [part for line in data.getlist("limit") for part in line.splitlines() or [""]]
        choice = data.get("may", "")
        return cls(
            May(choice) if choice in set(May) else May.EVERYTHING,
            # One more than the maximum, so that saving fails, and a million lines are not even shown.
            lines[: MAX_RULES + 1],
            data.get("previewed_limits", ""),
        )

    @classmethod
    def of(cls, token: Token) -> Self:
        return cls().showing(token.limit_rules)

    def showing(self, rules: Iterable[str]) -> Self:
        """Set the rules, and the choice that they mean."""
        self.texts = list(rules)
        self.may = May.LISTED if self.texts else May.EVERYTHING
        if tuple(self.texts) == READ_ONLY:
            self.may, self.texts = May.READ, []
        return self

    @property
    def rules(self) -> list[str]:
        """The rules for the action, with blank lines, so that errors have the numbers of the lines."""
        if self.may == May.READ:
            return list(READ_ONLY)
        return self.texts if self.may == May.LISTED else []

    @property
    def text(self) -> str:
        """The rules as one text, to tell whether a preview was for them."""
        return " | ".join(text.strip() for text in self.rules if text.strip())

    def missing(self) -> list[FieldError]:
        """Return an error if requests are to be listed and none is: an empty list would allow every request."""
        return [FieldError("limits", NO_RULE)] if self.may == May.LISTED and not self.text else []

    def rows(self, errors: Mapping[str, str]) -> list[LimitRow]:
        """Return the lines to show, at least one."""
        shown = self.texts or [""]
        first_wrong = next((number for number, _ in enumerate(shown) if errors.get(f"{ROW}{number}")), None)
        focused = self.focus_row if self.focus_row is not None else first_wrong
        return [
            LimitRow(number, text, errors.get(f"{ROW}{number}", ""), has_focus=number == focused)
            for number, text in enumerate(shown)
        ]

    def problems(self, errors: Mapping[str, str]) -> list[SummaryError]:
        """Return the errors of the lines, for the summary above the form."""
        return [SummaryError(f"limit_{row.number}", row.error) for row in self.rows(errors) if row.error]

    def rearrange(self, press: str) -> bool:
        """Change the list as one of its buttons says; return False if another button was pressed."""
        removal = _is_removal(press)
        if press == ADD:
            self.may, self.texts = May.LISTED, [*(self.texts or [""]), ""]
            self.focus_row = len(self.texts) - 1
        elif removal:
            self.texts = [text for number, text in enumerate(self.texts) if number != int(removal[1])]
            self.focus_row = max(0, min(int(removal[1]), len(self.texts) - 1))
        return press == ADD or removal is not None

    def add(self, rules: Iterable[str]) -> None:
        """Add each rule that is not in the list, and drop empty lines."""
        self.texts = list(dict.fromkeys([*filter(str.strip, self.rules), *rules]))
        self.may = May.LISTED
