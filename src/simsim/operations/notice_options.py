"""The options of `simsim notices set`."""

import typer

from simsim.problem import FieldError, Invalid, gettext_noop


def parse_audience(text: str) -> tuple[str, str]:
    """Return the notice and its audience; raise Invalid."""
    notice, equals, who = text.partition("=")
    if not equals:
        raise Invalid(FieldError("audience", gettext_noop("Give a notice and who gets it: token_expired=creator.")))
    return notice, who


def prove_one_of(early_days: list[int] | None, *, no_early_days: bool) -> None:
    """Raise BadParameter for two options that exclude each other."""
    if early_days and no_early_days:
        raise typer.BadParameter("give either --early-days or --no-early-days")
