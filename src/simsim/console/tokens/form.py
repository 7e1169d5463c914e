"""The form of a token as the browser sent it, kept as it was typed, with what is wrong beside each field."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from django.http import QueryDict

from simsim.console.error_summary import SummaryError, errors_in_order
from simsim.console.errors import sentence
from simsim.credential.allowlist import Address, without_spaces_in_ranges
from simsim.problem import AlreadyExists, FieldError, Invalid
from simsim.tokens.models import Token
from simsim.tokens.rules import MAX_NETWORKS

PRESETS_DAYS = (30, 60, 90, 365)
DEFAULT_PRESET = "90d"
ON_A_DATE = "date"
ROW = "allowed_networks."
FIRST_NETWORK = "network_0"
# In the order in which the form shows them.
CONTROL_IDS = {
    "name": "id_name", "expires_at": "id_expires_on", "software": "id_software", "description": "id_description",
    "allowed_networks": FIRST_NETWORK,
}  # fmt: skip
LONG_LIST = 40
NETWORK_ERRORS_SHOWN = 10
_separators = re.compile(r"[\s,;]+")
_is_removal = re.compile(r"remove-([0-9]{1,6})").fullmatch


@dataclass
class NetworkRow:
    """One line of the allowed networks; `has_focus` is where the person goes on after a button was pressed."""

    number: int
    text: str
    error: str = ""
    has_focus: bool = False


@dataclass
class TokenForm:
    """What was typed. `errors` holds a sentence for each field, rows of networks under `allowed_networks.N`.

    `previewed` is the list whose preview the person had before their eyes, as one text; `stood` is the list with its
    mode as they were when the page was opened, "" for a new token. `hints` holds what is worth a
    look, by field too, and refuses nothing.
    """

    name: str = ""
    expires: str = DEFAULT_PRESET
    expires_on: str = ""
    description: str = ""
    software: str = ""
    networks: list[str] = field(default_factory=list)
    report_only: bool = False
    previewed: str = ""
    stood: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    focus_row: int | None = None
    namesake: Token | None = None

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return what the browser sent; a line that holds several networks, as pasted from a list, becomes several."""
        lines = data.getlist("network")
        split = (_separators.split(without_spaces_in_ranges(line.strip())) for line in lines)
        parts = (part for line in split for part in line)
        # One more than may be saved: that is refused, and a million lines are not even shown.
        networks = list(islice(parts, MAX_NETWORKS + 1))
        return cls(
            name=data.get("name", ""),
            expires=data.get("expires", DEFAULT_PRESET),
            expires_on=data.get("expires_on", ""),
            description=data.get("description", ""),
            software=data.get("software", ""),
            networks=networks,
            report_only="report_only" in data,
            previewed=data.get("previewed", ""),
            stood=data.get("stood", ""),
        )

    @classmethod
    def of(cls, token: Token) -> Self:
        """Return the form that shows a token as it is."""
        return cls(
            name=token.name,
            description=token.description,
            software=token.software.slug if token.software else "",
            networks=list(token.allowed_networks),
            report_only=token.report_only,
            stood=standing(token.allowed_networks, report_only=token.report_only),
        )

    @classmethod
    def like(cls, token: Token, *, is_active: bool) -> Self:
        """Return the form of a token that replaces another; a name that is still in use is left for the person."""
        form = cls.of(token)
        form.name = "" if is_active else form.name
        return form

    @property
    def expiry(self) -> str:
        """What the action is given: a preset such as `90d`, or the date."""
        return self.expires_on if self.expires == ON_A_DATE else self.expires

    @property
    def rows(self) -> list[NetworkRow]:
        """The lines to show, at least one."""
        texts = self.networks or [""]
        focused = f"network_{self.focus_row}" if self.focus_row is not None else self.first_wrong
        return [
            NetworkRow(number, text, self.errors.get(f"{ROW}{number}", ""), has_focus=f"network_{number}" == focused)
            for number, text in enumerate(texts)
        ]

    @property
    def problems(self) -> list[SummaryError]:
        """What is wrong, as the summary lists it; of a long list, which is one field, the first few lines."""
        found = errors_in_order(self.errors, CONTROL_IDS)
        if self.is_long:
            return found + [SummaryError(FIRST_NETWORK, error) for error in self.network_errors]
        return found + [SummaryError(f"network_{row}", self.errors[f"{ROW}{row}"]) for row in self.wrong_rows]

    @property
    def wrong_rows(self) -> list[int]:
        return sorted(int(name.removeprefix(ROW)) for name in self.errors if name.startswith(ROW))

    @property
    def first_wrong(self) -> str:
        """The id of the control that gets the focus after a refusal, "" when nothing is wrong."""
        return self.problems[0].control_id if self.problems else ""

    @property
    def leaves_the_list(self) -> bool:
        """Whether the list and its mode are sent as they stood when the page was opened."""
        return self.stood == standing(self.networks, report_only=self.report_only)

    @property
    def is_long(self) -> bool:
        """Whether the networks are better typed as one text than line by line."""
        return len(self.networks) > LONG_LIST

    @property
    def network_errors(self) -> list[str]:
        """What is wrong with the first few lines of a long list."""
        return [text for name, text in self.errors.items() if name.startswith(ROW)][:NETWORK_ERRORS_SHOWN]

    @property
    def list_text(self) -> str:
        """The networks as one text, for telling whether a preview was of this list."""
        return " ".join(text for text in self.networks if text)

    def rearrange(self, press: str, browser: Address | None) -> bool:
        """Do what a button among the networks asks; return False when another one was pressed.

        These are submit buttons, so that they work without a script: nothing is saved, everything typed comes back.
        """
        removal = _is_removal(press)
        if press == "add-row":
            self.networks = [*(self.networks or [""]), ""]
            self.focus_row = len(self.networks) - 1
        elif press == "add-mine":
            self.add([browser.text] if browser else [])
        elif removal:
            self.networks = [text for number, text in enumerate(self.networks) if number != int(removal[1])]
            self.focus_row = max(0, min(int(removal[1]), len(self.networks) - 1))
        return press in {"add-row", "add-mine"} or removal is not None

    def add(self, networks: Iterable[str]) -> None:
        """Add each network that is not there yet, in place of empty lines, and put the focus on the last."""
        lines = dict.fromkeys(text for text in self.networks if text.strip())
        added = list(networks)
        lines |= dict.fromkeys(added)
        if added:
            self.networks = list(lines)
            self.focus_row = self.networks.index(added[-1])

    def explain(self, problem: Invalid | AlreadyExists) -> None:
        """Put what is wrong beside the field that it is about."""
        if isinstance(problem, AlreadyExists):
            self.errors = {"name": sentence(problem)}
        else:
            self.mark(problem.errors)

    def mark(self, errors: Iterable[FieldError]) -> None:
        """Put each error beside its field, the first where a field has several."""
        for error in errors:
            self.errors.setdefault(error.field, sentence(Invalid(FieldError(error.field, error.message, error.params))))

    def hint(self, cautions: Iterable[FieldError]) -> None:
        """Put each hint beside its field, after those that are there, unless an error is there."""
        for caution in cautions:
            if caution.field not in self.errors:
                before = self.hints.get(caution.field, "")
                self.hints[caution.field] = f"{before} {sentence(Invalid(caution))}".strip()

    def forget_errors_of_what_is_still_empty(self) -> None:
        """While a form is being typed, nobody is told that a field is required."""
        typed = {"name": self.name, "expires_at": self.expiry}
        self.errors = {name: text for name, text in self.errors.items() if typed.get(name, "typed").strip()}


def standing(networks: Iterable[str], *, report_only: bool) -> str:
    """Return an allowlist and its mode as one text, to tell whether it has changed."""
    listed = [text for text in networks if text]
    return " ".join(["report-only" if report_only and listed else "enforced", *listed])
