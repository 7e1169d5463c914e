"""The options of a token's limits, and those of its rate and quotas."""

import typer

from simsim.credential.limits import READ_ONLY


def limits_of(limit: list[str] | None, *, is_read_only: bool, is_any: bool = False) -> list[str] | None:
    """Return the rules that the options mean, None if none was given; raise BadParameter for two that exclude."""
    if [bool(limit), is_read_only, is_any].count(True) > 1:
        raise typer.BadParameter("give only one of --limit, --read-only and --any-request")
    if is_any:
        return []
    return list(READ_ONLY) if is_read_only else limit


def rates_of(rate: list[str] | None, *, is_any: bool) -> list[str] | None:
    """Return the rate and quotas that the options mean, None if none was given; raise BadParameter for both options."""
    if rate and is_any:
        raise typer.BadParameter("give either --rate or --any-rate")
    return [] if is_any else rate or None
