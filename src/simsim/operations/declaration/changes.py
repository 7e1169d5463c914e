"""The changes of `simsim apply`: as JSON, and as a coloured list for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import typer

from simsim.operations.output import cell


class Action(StrEnum):
    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


MARKS = {Action.ADD: "+", Action.CHANGE: "~", Action.REMOVE: "-"}
COLOURS = {Action.ADD: typer.colors.GREEN, Action.CHANGE: typer.colors.YELLOW, Action.REMOVE: typer.colors.RED}


@dataclass(frozen=True)
class Change:
    """A change to one object, of the account with the name `account`.

    `kind` is software, account, person, notices or policy. `before` and `after` are None where there is nothing.
    """

    action: Action
    kind: str
    name: str
    account: str | None = None
    before: str | None = None
    after: str | None = None

    def document(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("action", "kind", "name", "account", "before", "after")}

    def line(self) -> str:
        values = " → ".join(cell(value) for value in (self.before, self.after) if value is not None)
        within = f"“{cell(self.account)}”, " if self.account else ""
        text = f"{MARKS[self.action]} {self.kind} {within}{cell(self.name)}{f': {values}' if values else ''}"
        return typer.style(text, fg=COLOURS[self.action])


def lines(changes: Sequence[Change], *, is_dry_run: bool) -> Iterator[str]:
    """Yield a line for each change, and their number."""
    yield from (change.line() for change in changes)
    if not changes:
        yield "Nothing to change: everything is as the file says."
    else:
        number = f"{len(changes)} change{'s' if len(changes) > 1 else ''}"
        yield f"{number}, not made because of --dry-run." if is_dry_run else f"{number} made."
