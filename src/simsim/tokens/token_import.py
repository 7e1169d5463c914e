"""Creating many tokens in one transaction: all of them, or none."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.problem import FieldError, Invalid, Problem
from simsim.tokens import notices, webhook_events
from simsim.tokens.actions import new_token
from simsim.tokens.creation_freeze import lock_for_creation
from simsim.tokens.models import Token
from simsim.tokens.token_credentials import TokenCredentials
from simsim.tokens.token_events import audited_fields
from simsim.tokens.token_fields import TokenFields


@dataclass(frozen=True)
class Draft:
    """A token to create, from one line of a file; `line` is the line's number, counted from 1."""

    line: int
    actor: Actor
    account: Account
    fields: TokenFields


@transaction.atomic
def import_tokens(
    drafts: Iterable[Draft], *, is_quiet: bool = False, now: datetime
) -> list[tuple[Token, TokenCredentials]]:
    """Create a token for each draft, in order, or create none.

    Raises Invalid with the errors of all lines; otherwise the problem of the first line that fails, with the line's
    number. `is_quiet` has the same meaning as in `create_token`.
    """
    created: list[tuple[Draft, Token, TokenCredentials]] = []
    errors: list[FieldError] = []
    opened: set[tuple[str, uuid.UUID]] = set()
    for draft in drafts:
        try:
            # Read this once per account instead of for each of a thousand tokens: it can't change while the lock is
            # held.
            if (key := (draft.actor.label, draft.account.pk)) not in opened:
                permit(draft.actor, Permission.MANAGE_TOKENS, draft.account)
                lock_for_creation(draft.account)
                opened.add(key)
            created.append((draft, *new_token(draft.fields, actor=draft.actor, account=draft.account, now=now)))
        except Invalid as problem:
            errors += errors_in_line(draft.line, problem)
        except Problem as problem:
            # This problem may be a consequence of the errors found so far, so report those instead.
            if errors:
                break
            raise type(problem)(f"Line {draft.line}: {problem}") from None
    if errors:
        raise Invalid(*errors)
    if not is_quiet:
        notices.owe_created([token for _, token, _ in created], now=now)
    webhook_events.owe_created([token for _, token, _ in created], now=now)
    # Last: from here on, a revoke in one of these accounts waits for the commit.
    recorder.record_all([creation_event(draft, token, is_quiet=is_quiet, now=now) for draft, token, _ in created])
    return [(token, credentials) for _, token, credentials in created]


def try_import(drafts: Iterable[Draft], *, now: datetime) -> None:
    """Raise what `import_tokens` would raise, and change nothing."""
    with transaction.atomic():
        import_tokens(drafts, is_quiet=True, now=now)
        transaction.set_rollback(True)


def creation_event(draft: Draft, token: Token, *, is_quiet: bool, now: datetime) -> AuditEvent:
    return recorder.audit_event(
        Event.TOKEN_CREATED,
        actor=draft.actor,
        account_id=token.account_id,
        subject_id=token.pk,
        details=audited_fields(token) | {"imported": True} | ({"notice": "suppressed"} if is_quiet else {}),
        now=now,
    )


def errors_in_line(line: int, problem: Invalid) -> list[FieldError]:
    """Return the errors of a line, each field name preceded by the line's number."""
    return [FieldError(f"line {line}, {fault.field}", fault.message, fault.params) for fault in problem.errors]
