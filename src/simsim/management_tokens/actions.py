"""Actions that change management tokens: each checks permission, changes and records in one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import OPERATOR, Actor, Permission, permit
from simsim.accounts.texts import parse_line
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.credential import management_password, password
from simsim.credential.digest import digest
from simsim.management_tokens.models import ManagementToken, Scope
from simsim.problem import FieldError, Invalid, NotFound, NotPermitted, gettext_noop
from simsim.tokens import rules
from simsim.tokens.creation_freeze import lock_for_creation
from simsim.tokens.field_errors import Errors

ACCOUNT_SCOPES = (Scope.READ, Scope.TOKENS, Scope.PEOPLE)
OPERATOR_SCOPES = (Scope.OPERATOR, Scope.GATE)


@dataclass(frozen=True)
class ManagementCredentials:
    """The credentials that a program sends: the management token's id as username, and its password."""

    username: str
    password: str = field(repr=False)


@transaction.atomic
def create_management_token(
    *,
    actor: Actor,
    account: Account,
    name: str,
    expires: str,
    scopes: Iterable[str],
    allowed_networks: Iterable[str] = (),
    now: datetime,
) -> tuple[ManagementToken, ManagementCredentials]:
    """Create a token that acts as this administrator in the account; its password can't be shown again.

    Raises Invalid with every field that breaks a rule; the scope `operator` is not among an account's scopes.
    Raises CreationFrozen during an incident.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    if actor.user is None or actor.management_token is not None or actor.portal is not None:
        # A program that could create these would outlive the revocation of its own token, as would a short session.
        raise NotPermitted
    # Whoever stole a session would keep a way in.
    lock_for_creation(account)
    offered = {scope.value: scope for scope in ACCOUNT_SCOPES}
    return store(actor, account, name, expires, allowed_networks, scopes=[*scopes], offered=offered, now=now)


@transaction.atomic
def create_operator_token(
    *,
    actor: Actor,
    named: Actor | None,
    name: str,
    expires: str,
    scope: Scope = Scope.OPERATOR,
    allowed_networks: Iterable[str] = (),
    now: datetime,
) -> tuple[ManagementToken, ManagementCredentials]:
    """Create a token that acts as the operator, or with which a node asks the gate; only the command line may do this.

    It stops working when the user `named` is disabled. Raises Invalid with every field that breaks a rule.
    """
    if actor != OPERATOR:
        raise NotPermitted
    offered = {each.value: each for each in OPERATOR_SCOPES}
    return store(named or actor, None, name, expires, allowed_networks, scopes=[scope], offered=offered, now=now)


def store(
    actor: Actor,
    account: Account | None,
    name: str,
    expires: str,
    allowed_networks: Iterable[str],
    *,
    scopes: list[str],
    offered: dict[str, Scope],
    now: datetime,
) -> tuple[ManagementToken, ManagementCredentials]:
    errors = Errors()
    values = {
        "name": errors.collect(lambda: parse_line("name", name)),
        "expires_at": errors.collect(lambda: rules.parse_expiry(expires, now=now)),
        "scopes": errors.collect(lambda: parse_scopes(scopes, offered)),
        "allowed_networks": errors.collect(lambda: rules.parse_networks(allowed_networks)),
    }
    errors.raise_if_any()
    secret = management_password.mint()
    token = ManagementToken.objects.create(
        account=account,
        digest=digest(secret),
        password_end=password.end_of(secret),
        created_at=now,
        created_by=actor.user,
        created_by_label=actor.label,
        **values,
    )
    details = {
        "name": token.name,
        "scopes": token.scopes,
        "expires_at": token.expires_at.isoformat(),
        "allowed_networks": token.allowed_networks,
    }
    record(actor, token, Event.MANAGEMENT_TOKEN_CREATED, details, now)
    return token, ManagementCredentials(str(token.pk), secret)


@transaction.atomic
def revoke_management_token(*, actor: Actor, token: ManagementToken, now: datetime) -> ManagementToken:
    """Revoke a management token permanently. Revoking it again changes nothing."""
    permit_management(actor, token)
    mark_management_token_revoked(token, actor=actor, now=now)
    return token


def mark_management_token_revoked(token: ManagementToken, *, actor: Actor, now: datetime) -> bool:
    """Revoke a management token for an actor who may do so; return whether this changed anything."""
    # The condition is the lock: of two concurrent callers only one changes the row, so one event is recorded.
    changed = ManagementToken.objects.filter(pk=token.pk, revoked_at=None).update(
        revoked_at=now, revoked_by_label=actor.label
    )
    token.refresh_from_db()
    if changed:
        record(actor, token, Event.MANAGEMENT_TOKEN_REVOKED, {"name": token.name}, now)
    return bool(changed)


def permit_management(actor: Actor, token: ManagementToken) -> None:
    """Return if the actor may look after the token; raise NotFound or NotPermitted. The operator may revoke any."""
    if actor.is_operator:
        if actor.management_token is not None:
            raise NotPermitted
        return
    if token.account is None:
        raise NotFound
    permit(actor, Permission.MANAGE_TOKENS, token.account)


def parse_scopes(scopes: Iterable[str], offered: dict[str, Scope]) -> list[str]:
    """Return the scopes, each once, in the usual order; raise Invalid if there is none, or one that is not offered."""
    wanted = set(scopes)
    if not wanted or not wanted <= offered.keys():
        message = gettext_noop("Choose at least one of these scopes: %(known)s.")
        raise Invalid(FieldError("scopes", message, {"known": ", ".join(offered)}))
    return [scope for scope in offered if scope in wanted]


def record(actor: Actor, token: ManagementToken, event: Event, details: dict[str, object], now: datetime) -> None:
    recorder.record(event, actor=actor, account_id=token.account_id, subject_id=token.pk, details=details, now=now)
