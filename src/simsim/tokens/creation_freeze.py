"""Freezing the creation of tokens during an incident, until somebody lifts the freeze (B18)."""

from datetime import datetime

from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.texts import parse_line
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import CreationFrozen, NotPermitted, gettext_noop
from simsim.rfc3339 import format_time
from simsim.tokens.incident_models import CreationFreeze

MAX_REASON_LENGTH = 200


@transaction.atomic
def freeze_creation(*, actor: Actor, account: Account, reason: str, now: datetime) -> CreationFreeze:
    """Refuse new tokens in the account until the freeze is lifted; existing tokens keep working and can be rotated.

    The operator may do this too. Freezing a frozen account changes nothing, except that the operator takes over the
    freeze of an administrator. Raises Invalid without a reason.
    """
    permit_freeze(actor, account)
    line = parse_line("reason", reason, longest=MAX_REASON_LENGTH)
    # Whoever is creating a token at this moment holds the lock: the token is there before the freeze, or refused.
    account = lock_open(account)
    present = freeze_of(account)
    if present is not None and (present.by_operator or not actor.is_operator):
        return present
    values = {
        "reason": line,
        "frozen_at": now,
        "frozen_by": actor.user,
        "frozen_by_label": actor.label,
        "by_operator": actor.is_operator,
    }
    frozen, _ = CreationFreeze.objects.update_or_create(account=account, defaults=values)
    record(actor, account, Event.CREATION_FROZEN, {"reason": line}, now)
    return frozen


@transaction.atomic
def lift_freeze(*, actor: Actor, account: Account, now: datetime) -> None:
    """Allow new tokens in the account again; without a freeze, nothing changes.

    Raises NotPermitted if the operator froze the account and somebody else lifts: their sign-in may be what was stolen.
    """
    permit_freeze(actor, account)
    account = lock_open(account)
    present = freeze_of(account)
    if present is None:
        return
    if present.by_operator and not actor.is_operator:
        raise NotPermitted(gettext_noop("The operator of this API froze the account, and only they can lift this."))
    present.delete()
    record(actor, account, Event.CREATION_FREEZE_LIFTED, {"reason": present.reason}, now)


def creation_freeze(account: Account, *, actor: Actor) -> CreationFreeze | None:
    """Return the account's freeze, None if tokens can be created; raise NotFound for a stranger."""
    permit(actor, Permission.VIEW_ACCOUNT, account)
    return freeze_of(account)


def freeze_of(account: Account) -> CreationFreeze | None:
    return CreationFreeze.objects.filter(account=account).first()


def lock_for_creation(account: Account) -> Account:
    """Lock the account like `lock_open`, for an action that creates a token in it; raise CreationFrozen."""
    account = lock_open(account)
    if (frozen := freeze_of(account)) is not None:
        raise CreationFrozen(name=account.name, reason=frozen.reason, who=frozen.frozen_by_label)
    return account


def permit_freeze(actor: Actor, account: Account) -> None:
    permit(actor, Permission.VIEW_ACCOUNT if actor.is_operator else Permission.MANAGE_TOKENS, account)


def document(frozen: CreationFreeze | None) -> dict[str, object]:
    """Return the JSON of the API contract."""
    return {
        "frozen": frozen is not None,
        "reason": frozen.reason if frozen else None,
        "frozen_at": format_time(frozen.frozen_at) if frozen else None,
        "frozen_by": frozen.frozen_by_label if frozen else None,
    }


def record(actor: Actor, account: Account, event: Event, details: dict[str, object], now: datetime) -> None:
    recorder.record(event, actor=actor, account_id=account.pk, subject_id=account.pk, details=details, now=now)
