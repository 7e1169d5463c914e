"""The options of `simsim policy set` as choices of a policy."""

from simsim.problem import WrongUsage

NONE = "none"
Choices = dict[str, int | str | bool | None]


def choices_of(
    *, max_lifetime: str | None, require_allowlist: bool | None, widest_ipv4: str | None, widest_ipv6: str | None,
    retrieval: str | None, leaks: str | None, pause_idle: str | None, approval_above: str | None,
    approval_if_open: bool | None,
) -> Choices:  # fmt: skip
    """Return the choices that were given; `none` removes a limit. Raises WrongUsage."""
    given = {
        "max_lifetime_days": number("--max-lifetime", max_lifetime),
        "min_ipv4_prefix": number("--widest-ipv4", widest_ipv4),
        "min_ipv6_prefix": number("--widest-ipv6", widest_ipv6),
        "needs_allowlist": require_allowlist,
        "retrieval": retrieval,
        "leak_response": leaks,
        "max_idle_days": number("--pause-idle", pause_idle),
        "approval_above_days": number("--approval-above", approval_above),
        "approval_if_open": approval_if_open,
    }
    return {name: None if value == NONE else value for name, value in given.items() if value is not None}


def number(option: str, text: str | None) -> int | str | None:
    """Return the number, `none` to remove a limit, or None if the option was not given; raise WrongUsage."""
    if text is None or text == NONE:
        return text
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise WrongUsage("%(option)s takes a number or none", option=option)
    return int(text)
