"""What is wrong with a token's fields, all of it at once: before it is saved, and while it is being typed."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.accounts.texts import parse_line, parse_text
from simsim.problem import AlreadyExists, FieldError, Invalid, gettext_noop
from simsim.tokens import rules
from simsim.tokens.models import Token

Parsed = TypeVar("Parsed")


class Errors:
    """Collects what is wrong with several fields, so that a person hears of all of it at once."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def collect(self, parse: Callable[[], Parsed]) -> Parsed | None:
        """Return what the parser returns, None when it refused."""
        try:
            return parse()
        except Invalid as problem:
            self.found.extend(problem.errors)
            return None

    def raise_if_any(self) -> None:
        if self.found:
            raise Invalid(*self.found)


def prove_name_free(account: Account, name: str, *, now: datetime, but: Token | None = None) -> None:
    """Raise AlreadyExists when another active token of the account has the name, in any case (R5)."""
    others = Token.objects.active(now).filter(account=account, name__iexact=name)
    if but is not None:
        others = others.exclude(pk=but.pk)
    if others.exists():
        raise AlreadyExists(gettext_noop("An active token is already named “%(name)s”."), name=name)


def faults(
    *,
    actor: Actor,
    account: Account,
    name: str,
    expires: str | None,
    description: str,
    software: str,
    allowed_networks: Iterable[str],
    token: Token | None = None,
    now: datetime,
) -> list[FieldError]:
    """Return what saving these fields would be refused for; `token` is the one being edited, None for a new one.

    `expires` None is not looked at: the expiry of a token can't be edited.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    errors = Errors()
    line = errors.collect(lambda: parse_line("name", name))
    if expires is not None:
        errors.collect(lambda: rules.parse_expiry(expires, now=now))
    errors.collect(lambda: parse_text("description", description))
    errors.collect(lambda: rules.parse_software(software, present=token.software if token else None))
    errors.collect(lambda: rules.parse_networks(allowed_networks))
    if line is not None:
        try:
            prove_name_free(account, line, now=now, but=token)
        except AlreadyExists as problem:
            errors.found.append(FieldError("name", problem.detail, problem.params))
    return errors.found
