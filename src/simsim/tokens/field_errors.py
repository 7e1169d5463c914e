"""Errors in a token's fields, all of them at once: before saving, and while a person types."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from simsim.accounts.lookalikes import lookalike
from simsim.accounts.models import Account
from simsim.accounts.name_keys import name_key, same_named
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.accounts.texts import parse_line, parse_text
from simsim.problem import AlreadyExists, FieldError, Invalid, gettext_noop
from simsim.tokens import rules
from simsim.tokens.models import Token, TokenQuerySet

Parsed = TypeVar("Parsed")
NAME_TAKEN = gettext_noop("An active token is already named “%(name)s”.")


class Errors:
    """Collects the errors of several fields, so that a person sees all of them at once."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def collect(self, parse: Callable[[], Parsed]) -> Parsed | None:
        """Return the parser's value, or None if it raised Invalid."""
        try:
            return parse()
        except Invalid as problem:
            self.found.extend(problem.errors)
            return None

    def raise_if_any(self) -> None:
        if self.found:
            raise Invalid(*self.found)


def raise_what_is_wrong(
    errors: Errors, account: Account, name: str | None, *, now: datetime, but: Token | None = None
) -> None:
    """Raise Invalid with every error, including a name that another token has; AlreadyExists if that is the only error.

    `name` is None if it is not checked.
    """
    try:
        if name is not None:
            prove_name_free(account, name, now=now, but=but)
    except AlreadyExists as problem:
        if not errors.found:
            raise
        errors.found.insert(0, FieldError("name", problem.detail, problem.params))
    errors.raise_if_any()


def prove_name_free(account: Account, name: str, *, now: datetime, but: Token | None = None) -> None:
    """Raise AlreadyExists if another active token of the account has the name, regardless of case (R5)."""
    if found := namesake(account, name, now=now, but=but):
        raise AlreadyExists(NAME_TAKEN, name=found.name)


def is_name_taken(problem: Invalid | AlreadyExists) -> bool:
    """Whether one of the errors is that another active token already has this name."""
    return isinstance(problem, AlreadyExists) or any(error.message == NAME_TAKEN for error in problem.errors)


def namesake(account: Account, name: str, *, now: datetime, but: Token | None = None) -> Token | None:
    """Return the account's active token with this name, regardless of case, or None if there is none."""
    return same_named(others(account, now=now, but=but).filter(name_key__in=[name_key(name), ""]), name)


def lookalike_of(account: Account, name: str, *, actor: Actor, token: Token | None = None, now: datetime) -> str | None:
    """Return the name of another active token that people could mistake for this name, or None if there is none.

    `token` is the one that gets the name. Use this only for a warning: both names may be intended.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    return lookalike(name, others(account, now=now, but=token).values_list("name", flat=True).order_by("created_at"))


def others(account: Account, *, now: datetime, but: Token | None) -> TokenQuerySet:
    """Return the account's active tokens except the token `but`."""
    active = Token.objects.active(now).filter(account=account)
    return active.exclude(pk=but.pk) if but is not None else active


def faults(
    *,
    actor: Actor,
    account: Account,
    name: str,
    expires: str | None,
    description: str,
    software: str,
    allowed_networks: Iterable[str],
    limits: Iterable[str],
    token: Token | None = None,
    now: datetime,
) -> list[FieldError]:
    """Return the errors for which saving these fields would fail; `token` is the one being edited, None for a new one.

    If `expires` is None, the expiry is not checked, because it can't be edited.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    errors = Errors()
    line = errors.collect(lambda: parse_line("name", name))
    if expires is not None:
        errors.collect(lambda: rules.parse_expiry(expires, now=now))
    errors.collect(lambda: parse_text("description", description))
    errors.collect(lambda: rules.parse_software(software, present=token.software if token else None))
    errors.collect(lambda: rules.parse_networks(allowed_networks))
    errors.collect(lambda: rules.parse_limits(limits))
    if line is not None and (token is None or line != token.name):
        try:
            prove_name_free(account, line, now=now, but=token)
        except AlreadyExists as problem:
            errors.found.append(FieldError("name", problem.detail, problem.params))
    return errors.found
