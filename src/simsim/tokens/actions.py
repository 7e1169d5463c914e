"""What changes tokens. Each action permits, changes, records and owes mail in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.texts import parse_line, parse_text
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.credential import allowlist, password
from simsim.credential.digest import digest
from simsim.problem import FieldError, Invalid, RotatedMeanwhile, TokenNotActive, gettext_noop
from simsim.tokens import notices, rules, token_requests
from simsim.tokens.field_errors import Errors, raise_what_is_wrong
from simsim.tokens.keyring import Keyring
from simsim.tokens.models import Status, Token, TokenRequest

MAX_OVERLAP = timedelta(days=7)
EDITED = (
    "name", "name_key", "description", "search_key", "software", "allowed_networks", "allowlist", "report_only"
)  # fmt: skip
ROTATED = ("digest", "sealed_password", "password_end", "previous_digest", "previous_works_until", "rotated_at")


class Way(StrEnum):
    """How credentials are retrieved."""

    SHOWN = "shown"
    DOWNLOADED = "downloaded"


@dataclass(frozen=True)
class TokenCredentials:
    """What the integrator types: the account's code as username, the token's password."""

    username: str
    password: str = field(repr=False)


@transaction.atomic
def create_token(
    *,
    actor: Actor,
    account: Account,
    name: str,
    expires: str,
    description: str = "",
    software: str | None = None,
    allowed_networks: Iterable[str] = (),
    report_only: bool = False,
    request: TokenRequest | None = None,
    is_quiet: bool = False,
    now: datetime,
) -> tuple[Token, TokenCredentials]:
    """Create a token, owe every administrator a mail (R8), and return it with its credentials.

    `is_quiet` is for whoever creates many at once: no mail, and the audit trail says so. `request` is what a member
    asked for, and is granted by it (R3). Raises Invalid with every field that breaks a rule, AlreadyExists when an
    active token has the name (R5), and AlreadyAnswered when somebody else was faster.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    lock(account)
    token, credentials = new_token(
        actor=actor,
        account=account,
        name=name,
        expires=expires,
        description=description,
        software=software,
        allowed_networks=allowed_networks,
        report_only=report_only,
        now=now,
    )
    record_token_event(
        actor, token, Event.TOKEN_CREATED, facts(token) | ({"notice": "suppressed"} if is_quiet else {}), now
    )
    if not is_quiet:
        notices.owe_created([token], now=now)
    if request is not None:
        token_requests.grant(request, actor=actor, token=token, now=now)
    return token, credentials


def new_token(
    *,
    actor: Actor,
    account: Account,
    name: str,
    expires: str,
    description: str,
    software: str | None,
    allowed_networks: Iterable[str],
    report_only: bool,
    now: datetime,
) -> tuple[Token, TokenCredentials]:
    """Store a token that whoever calls has permitted and records, with the account locked; raises as `create_token`."""
    errors = Errors()
    line = errors.collect(lambda: parse_line("name", name))
    values = {
        "name": line,
        "expires_at": errors.collect(lambda: rules.parse_expiry(expires, now=now)),
        "description": errors.collect(lambda: parse_text("description", description)),
        "software": errors.collect(lambda: rules.parse_software(software)),
        "allowed_networks": errors.collect(lambda: rules.parse_networks(allowed_networks)),
    }
    raise_what_is_wrong(errors, account, line, now=now)
    token = Token(account=account, created_at=now, created_by=actor.user, created_by_label=actor.label, **values)
    settle_allowlist(token, report_only=report_only)
    token.settle_keys()
    secret = mint_into(token)
    token.save(force_insert=True)
    return token, TokenCredentials(str(account.pk), secret)


@transaction.atomic
def edit_token(
    *,
    actor: Actor,
    token: Token,
    name: str | None = None,
    description: str | None = None,
    software: str | None = None,
    allowed_networks: Sequence[str] | None = None,
    report_only: bool | None = None,
    now: datetime,
) -> Token:
    """Change what may change (R12); None leaves a field as it is, "" as software takes it away.

    Raises TokenNotActive for an expired or revoked token: it is read-only.
    """
    token = locked(actor, token, now)
    errors, before = Errors(), facts(token)
    if name is not None:
        token.name = errors.collect(lambda: parse_line("name", name)) or token.name
    if description is not None:
        token.description = errors.collect(lambda: parse_text("description", description)) or ""
    if software is not None:
        token.software = errors.collect(lambda: rules.parse_software(software, present=token.software))
    if allowed_networks is not None:
        token.allowed_networks = errors.collect(lambda: rules.parse_networks(allowed_networks)) or []
    # A name that stays may be another's too, where both are older than the rule: the rest can be edited all the same.
    new_name = token.name if token.name != before["name"] else None
    raise_what_is_wrong(errors, token.account, new_name, now=now, but=token)
    token.settle_keys()
    settle_allowlist(token, report_only=token.report_only if report_only is None else report_only)
    changed: dict[str, object] = {
        key: [before[key], value] for key, value in facts(token).items() if value != before[key]
    }
    if changed:
        token.save(update_fields=EDITED)
        record_token_event(actor, token, Event.TOKEN_EDITED, changed, now)
    if not changed.keys().isdisjoint({"allowed_networks", "report_only"}):
        notices.owe_allowlist_changed(token, before, actor=actor, now=now)
    return token


@transaction.atomic
def show_credentials(*, actor: Actor, token: Token, way: Way = Way.SHOWN, now: datetime) -> TokenCredentials:
    """Return username and password of an active token (R11); recorded, and told to others where it is not the creator.

    `way` says how they leave: on a page or in a terminal, or as a file.
    """
    token = locked(actor, token, now)
    secret = keyring().open(bytes(token.sealed_password), token_id=token.pk, account_id=token.account_id)
    record_token_event(actor, token, Event.TOKEN_CREDENTIALS_SHOWN, {} if way == Way.SHOWN else {"way": way.value}, now)
    notices.owe_retrieved(token, actor=actor, way=way, now=now)
    return TokenCredentials(str(token.account_id), secret)


@transaction.atomic
def try_credentials(*, actor: Actor, token: Token, now: datetime) -> TokenCredentials:
    """Return username and password for a request that Simsim itself makes; nobody sees them, and that is recorded."""
    token = locked(actor, token, now)
    secret = keyring().open(bytes(token.sealed_password), token_id=token.pk, account_id=token.account_id)
    record_token_event(actor, token, Event.TOKEN_TRIED, {}, now)
    return TokenCredentials(str(token.account_id), secret)


@transaction.atomic
def revoke_token(*, actor: Actor, token: Token, reason: str = "", now: datetime) -> Token:
    """Revoke a token for good (R13). Revoking a revoked token changes nothing; an expired one can still be revoked."""
    permit(actor, Permission.MANAGE_TOKENS, token.account)
    reason = rules.parse_reason(reason)
    # The condition is the lock: of two callers at once one changes the row, so one event is written.
    changed = Token.objects.filter(pk=token.pk, revoked_at=None).update(
        revoked_at=now,
        revoked_by=actor.user,
        revoked_by_label=actor.label,
        revocation_reason=reason,
        next_notice_at=None,
    )
    token.refresh_from_db()
    if changed:
        record_token_event(actor, token, Event.TOKEN_REVOKED, {"name": token.name, "reason": reason}, now)
        notices.owe_revoked(token, actor=actor, now=now)
    return token


@transaction.atomic
def rotate_token(*, actor: Actor, token: Token, overlap: timedelta, now: datetime) -> tuple[Token, TokenCredentials]:
    """Give a token a new password; the one before works through the overlap, the one before that no longer (B2).

    Raises RotatedMeanwhile when the token was rotated after `token` was read.
    """
    seen, token = token, locked(actor, token, now)
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise Invalid(FieldError("overlap", gettext_noop("The overlap must be between 0 and 7 days.")))
    # A form that is sent twice would end the overlap that its first sending began.
    if seen.rotated_at != token.rotated_at:
        raise RotatedMeanwhile(name=token.name)
    token.previous_digest = bytes(token.digest) if overlap else None
    token.previous_works_until = now + overlap if overlap else None
    token.rotated_at = now
    secret = mint_into(token)
    token.save(update_fields=ROTATED)
    record_token_event(actor, token, Event.TOKEN_ROTATED, {"overlap_seconds": int(overlap.total_seconds())}, now)
    notices.owe_rotated(token, overlap=overlap, actor=actor, now=now)
    return token, TokenCredentials(str(token.account_id), secret)


@transaction.atomic
def end_overlap(*, actor: Actor, token: Token, now: datetime) -> Token:
    """Let the password before the present one stop working now. Where none works any more, nothing changes."""
    token = locked(actor, token, now)
    if token.previous_works_until is not None and token.previous_works_until > now:
        token.previous_works_until = now
        token.save(update_fields=["previous_works_until"])
        record_token_event(actor, token, Event.TOKEN_OVERLAP_ENDED, {"name": token.name}, now)
    return token


def lock(account: Account) -> None:
    """Make whoever else changes this account's tokens wait until this transaction ends; raise AccountClosed."""
    # Two creations at once would each find the name free.
    lock_open(account)


def locked(actor: Actor, token: Token, now: datetime) -> Token:
    """Return the token as it is now, locked; raise NotFound or NotPermitted, or TokenNotActive when it has ended."""
    permit(actor, Permission.MANAGE_TOKENS, token.account)
    lock(token.account)
    fresh = Token.objects.select_related("account", "software").get(pk=token.pk)
    if fresh.status(now) != Status.ACTIVE:
        raise TokenNotActive(name=fresh.name, status=fresh.status(now))
    return fresh


def mint_into(token: Token) -> str:
    """Give the token a new password and return it."""
    secret = password.mint()
    token.digest, token.password_end = digest(secret), password.end_of(secret)
    token.sealed_password = keyring().seal(secret, token_id=token.pk, account_id=token.account_id)
    return secret


def keyring() -> Keyring:
    ring: Keyring = settings.KEYRING
    return ring


def settle_allowlist(token: Token, *, report_only: bool) -> None:
    """Pack the networks for the gate. A list that allows every address has nothing to report."""
    token.allowlist = allowlist.pack(token.networks)
    token.report_only = report_only and bool(token.allowed_networks)


def facts(token: Token) -> dict[str, object]:
    """Return what the audit trail keeps of a token: everything but its password."""
    return {
        "name": token.name,
        "description": token.description,
        "software": token.software.slug if token.software else None,
        "expires_at": token.expires_at.isoformat(),
        "allowed_networks": list(token.allowed_networks),
        "report_only": token.report_only,
    }


def record_token_event(actor: Actor, token: Token, event: Event, details: dict[str, object], now: datetime) -> None:
    recorder.record(event, actor=actor, account_id=token.account_id, subject_id=token.pk, details=details, now=now)
