"""The options of a token's limits: `--limit`, `--read-only` and `--any-request`."""

import typer

from simsim.credential.limits import READ_ONLY


def limits_of(limit: list[str] | None, *, is_read_only: bool, is_any: bool = False) -> list[str] | None:
    """Return the rules that the options mean, None if none was given; raise BadParameter for two that exclude."""
    if [bool(limit), is_read_only, is_any].count(True) > 1:
        raise typer.BadParameter("give only one of --limit, --read-only and --any-request")
    if is_any:
        return []
    return list(READ_ONLY) if is_read_only else limit
