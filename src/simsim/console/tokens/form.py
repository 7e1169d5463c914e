"""The form of a token: the texts as they were typed, and an error for each invalid field."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from django.http import QueryDict

from simsim.console.error_summary import SummaryError, errors_in_order
from simsim.console.errors import sentence
from simsim.console.tokens.limits_form import LimitRow, LimitsForm
from simsim.console.tokens.rates_form import RatesForm
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
    "allowed_networks": FIRST_NETWORK, "limits": "limit_0",
    "rates": "id_rate",
}  # fmt: skip
LONG_LIST = 40
NETWORK_ERRORS_SHOWN = 10
_separators = re.compile(r"[\s,;]+")
_is_removal = re.compile(r"remove-([0-9]{1,6})").fullmatch


def offered_days(longest: int | None) -> list[int]:
    """Return the numbers of days to offer if a policy allows at most `longest`; None means no policy."""
    return [days for days in PRESETS_DAYS if longest is None or days <= longest] or [longest or min(PRESETS_DAYS)]


@dataclass
class NetworkRow:
    """One line of the allowed networks; `has_focus`: this line gets the focus, so that the person continues there."""

    number: int
    text: str
    error: str = ""
    has_focus: bool = False


@dataclass
class TokenForm:
    """The typed texts. `errors` has a sentence for each invalid field, for rows `allowed_networks.N` and `limits.N`.

    `previewed` is the list whose preview the person has seen, as one text; `list_as_opened` is the list with the limits
    and their mode when the page was opened, "" for a new token. `hints` are warnings by field, which prevent nothing.
    """

    name: str = ""
    expires: str = DEFAULT_PRESET
    expires_on: str = ""
    description: str = ""
    software: str = ""
    networks: list[str] = field(default_factory=list)
    limits: LimitsForm = field(default_factory=LimitsForm)
    rates: RatesForm = field(default_factory=RatesForm)
    report_only: bool = False
    previewed: str = ""
    list_as_opened: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    focus_row: int | None = None
    namesake: Token | None = None

    def choose_among(self, days: Sequence[int]) -> None:
        """Choose the longest of these numbers of days instead of one that a policy refuses."""
        if self.expires in {f"{each}d" for each in PRESETS_DAYS if each not in days}:
            self.expires = f"{max(days)}d"

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return the form that the browser sent; a line with several networks becomes several lines."""
        lines = data.getlist("network")
        split = (_separators.split(without_spaces_in_ranges(line.strip())) for line in lines)
        parts = (part for line in split for part in line)
        # One more than the maximum, so that saving fails, and a million lines are not even shown.
        networks = list(islice(parts, MAX_NETWORKS + 1))
        return cls(
            name=data.get("name", ""),
            expires=data.get("expires", DEFAULT_PRESET),
            expires_on=data.get("expires_on", ""),
            description=data.get("description", ""),
            software=data.get("software", ""),
            networks=networks,
            limits=LimitsForm.read(data),
            rates=RatesForm.read(data),
            report_only="report_only" in data,
            previewed=data.get("previewed", ""),
            list_as_opened=data.get("list_as_opened", ""),
        )

    @classmethod
    def of(cls, token: Token) -> Self:
        """Return the form with the token's current fields."""
        return cls(
            name=token.name,
            description=token.description,
            software=token.software.slug if token.software else "",
            networks=list(token.allowed_networks),
            limits=LimitsForm.of(token),
            rates=RatesForm.of(token),
            report_only=token.report_only,
            list_as_opened=list_state(token.allowed_networks, token.limit_rules, report_only=token.report_only),
        )

    @classmethod
    def like(cls, token: Token, *, is_active: bool) -> Self:
        """Return the form of a token that replaces another; the name stays empty while the other token uses it."""
        form = cls.of(token)
        form.name = "" if is_active else form.name
        return form

    @property
    def expiry(self) -> str:
        """The expiry for the action: a preset such as `90d`, or a date."""
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
        """The errors for the summary; for a long list, which is one field, only those of the first few lines."""
        found = errors_in_order(self.errors, CONTROL_IDS)
        if self.is_long:
            found += [SummaryError(FIRST_NETWORK, error) for error in self.network_errors]
        else:
            found += [SummaryError(f"network_{row}", self.errors[f"{ROW}{row}"]) for row in self.wrong_rows]
        return found + self.limits.problems(self.errors)

    @property
    def limit_rows(self) -> list[LimitRow]:
        return self.limits.rows(self.errors)

    @property
    def wrong_rows(self) -> list[int]:
        return sorted(int(name.removeprefix(ROW)) for name in self.errors if name.startswith(ROW))

    @property
    def first_wrong(self) -> str:
        """The id of the first control with an error, which gets the focus; "" without errors."""
        return self.problems[0].control_id if self.problems else ""

    @property
    def is_list_unchanged(self) -> bool:
        """Whether the list and its mode are unchanged since the page was opened."""
        return self.list_as_opened == list_state(self.networks, self.limits.rules, report_only=self.report_only)

    @property
    def is_long(self) -> bool:
        """Whether the networks are shown as one text instead of one field for each line."""
        return len(self.networks) > LONG_LIST

    @property
    def network_errors(self) -> list[str]:
        """The errors of the first few lines of a long list."""
        return [text for name, text in self.errors.items() if name.startswith(ROW)][:NETWORK_ERRORS_SHOWN]

    @property
    def list_text(self) -> str:
        """The networks as one text, to tell whether a preview was for this list."""
        return " ".join(text for text in self.networks if text)

    def rearrange(self, press: str, browser: Address | None) -> bool:
        """Change the list as one of its buttons says; return False if another button was pressed.

        They are submit buttons, so that they work without scripts: nothing is saved, and all typed texts are kept.
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
        return press in {"add-row", "add-mine"} or removal is not None or self.limits.rearrange(press)

    def add(self, networks: Iterable[str]) -> None:
        """Add each network that is not in the list, drop empty lines, and put the focus on the last added one."""
        lines = dict.fromkeys(text for text in self.networks if text.strip())
        added = list(networks)
        lines |= dict.fromkeys(added)
        if added:
            self.networks = list(lines)
            self.focus_row = self.networks.index(added[-1])

    def explain(self, problem: Invalid | AlreadyExists) -> None:
        """Set each error for its field."""
        if isinstance(problem, AlreadyExists):
            self.errors = {"name": sentence(problem)}
        else:
            self.add_errors(problem.errors)

    def add_errors(self, errors: Iterable[FieldError]) -> None:
        """Set each error for its field, only the first one for a field with several."""
        for error in errors:
            self.errors.setdefault(error.field, sentence(Invalid(FieldError(error.field, error.message, error.params))))

    def hint(self, cautions: Iterable[FieldError]) -> None:
        """Append each hint to those of its field, unless the field has an error."""
        for caution in cautions:
            if caution.field not in self.errors:
                before = self.hints.get(caution.field, "")
                self.hints[caution.field] = f"{before} {sentence(Invalid(caution))}".strip()

    def drop_errors_of_empty_fields(self) -> None:
        """Drop the errors of empty fields: while somebody types, no field is reported as required."""
        typed = {"name": self.name, "expires_at": self.expiry}
        self.errors = {name: text for name, text in self.errors.items() if typed.get(name, "typed").strip()}


def list_state(networks: Iterable[str], limits: Iterable[str], *, report_only: bool) -> str:
    """Return an allowlist, the limits and their mode as one text, to tell whether they have changed."""
    listed, rules = [text for text in networks if text], [text.strip() for text in limits if text.strip()]
    mode = "report-only" if report_only and (listed or rules) else "enforced"
    return " ".join([mode, *listed, *(f"| {rule}" for rule in rules)])
