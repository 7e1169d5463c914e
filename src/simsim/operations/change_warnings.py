"""Warnings about changes that succeeded: one line each on stderr, so that they do not mix with the JSON on stdout."""
# ruff: noqa: PLC0415 - help answers without Django

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from simsim.problem import FieldError, gettext_noop

if TYPE_CHECKING:
    from simsim.accounts.models import Account
    from simsim.accounts.permissions import Actor
    from simsim.tokens.models import TargetSoftware, Token


def warn(cautions: Iterable[FieldError]) -> None:
    for caution in cautions:
        sys.stderr.write(f"simsim: warning: {caution}\n")


def warn_of_token(token: "Token", *, actor: "Actor") -> None:
    """Warn about a name that looks like another active token's, and about networks that allow everybody."""
    from django.utils import timezone

    from simsim.tokens.field_warnings import cautions_of

    warn(cautions_of(token, actor=actor, now=timezone.now()))


def warn_of_name(made: "Account | TargetSoftware") -> None:
    """Warn about a name that looks like another account's or other software's."""
    from simsim.accounts.lookalikes import lookalike

    # `lookalike` ignores the name itself.
    others = type(made).objects.order_by("pk").values_list("name", flat=True)
    if other := lookalike(made.name, others):
        text = gettext_noop("This looks like “%(other)s”. Choose a name that nobody mistakes for it.")
        warn([FieldError("name", text, {"other": other})])


def warn_of_names(model: "type[Account] | type[TargetSoftware]", names: Sequence[str]) -> None:
    """Warn about new names that look like another account's or other software's, or like one another."""
    from simsim.accounts.lookalikes import lookalikes

    if not names:
        return
    # In a dry run, the new names are not in the database.
    others = [*model.objects.order_by("pk").values_list("name", flat=True), *names]
    text = gettext_noop("“%(name)s” looks like “%(other)s”. Choose a name that nobody mistakes for it.")
    warn(FieldError("name", text, {"name": name, "other": other}) for name, other in lookalikes(names, others).items())
