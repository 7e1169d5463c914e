"""The options that choose many tokens by what they have in common, shared by several verbs."""
# ruff: noqa: PLC0415 - help answers without Django

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from simsim.tokens.token_filters import TokenFilter

Account = Annotated[str, typer.Option(metavar="ID", help="The account's id.")]
TIMES = ("created_before", "created_after", "used_before", "used_after", "stopped_at")
IDS = ("tokens", "without")


class Filters:
    """The options as they were typed."""

    def __init__(self, typed: Mapping[str, Any]) -> None:
        self.typed = typed

    def parsed(self) -> "TokenFilter":
        """Return the filter that the options describe; raise Invalid."""
        from simsim.account_log.time_filters import parse_moment
        from simsim.tokens.token_filters import TokenFilter, parse_ids

        times = {name: parse_moment(name, self.typed[name]) for name in TIMES}
        ids = {name: parse_ids(name, self.typed[name]) for name in IDS}
        return TokenFilter(**{**self.typed, **times, **ids})


def options(
    *,
    creator: Annotated[str, typer.Option(metavar="EMAIL", help="Tokens that this person created.")] = "",
    software: Annotated[str, typer.Option(metavar="SLUG", help="Tokens for this target software.")] = "",
    text: Annotated[str, typer.Option(metavar="TEXT", help="Tokens with this in name, description or creator.")] = "",
    state: Annotated[str, typer.Option(metavar="STATE", help="paused, soon (expires within 7 days), or unused.")] = "",
    allows: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Tokens whose allowed networks let this address in.")
    ] = "",
    used_from: Annotated[str, typer.Option(metavar="CIDR", help="Tokens that were used from this network.")] = "",
    created_before: Annotated[str | None, typer.Option(metavar="TIME", help="Tokens created before this time.")] = None,
    created_after: Annotated[
        str | None, typer.Option(metavar="TIME", help="Tokens created at this time or later.")
    ] = None,
    used_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Tokens last used before this time, or never used.")
    ] = None,
    used_after: Annotated[
        str | None, typer.Option(metavar="TIME", help="Tokens last used at this time or later.")
    ] = None,
    stopped_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Tokens that were paused or revoked at exactly this time.")
    ] = None,
    tokens: Annotated[
        list[str] | None, typer.Option("--token", metavar="ID", help="Choose among these tokens; repeatable.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="ID", help="Leave this token out; repeatable.")] = None,
) -> None:
    """Have the options of `filtered`; never called."""


OPTIONS = inspect.signature(options).parameters


def filtered(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb these options in place of its parameter `filters`."""

    @functools.wraps(verb)
    def with_options(**given: Any) -> None:
        typed = {name: given.pop(name) for name in OPTIONS}
        verb(**given, filters=Filters(typed | {name: typed[name] or [] for name in IDS}))

    own = [each for name, each in inspect.signature(verb).parameters.items() if name != "filters"]
    parameters = [*own, *OPTIONS.values()]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options
