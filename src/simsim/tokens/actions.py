"""Actions that change tokens: each checks permission, changes, records and queues emails in one transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.texts import parse_line, parse_text
from simsim.audit.events import Event
from simsim.credential import password
from simsim.credential.digest import digest
from simsim.problem import ApprovalRequired, FieldError, Invalid, RotatedMeanwhile, TokenNotActive, gettext_noop
from simsim.tokens import notices, policies, policy_rules, rules, token_requests, webhook_events
from simsim.tokens.creation_freeze import lock_for_creation
from simsim.tokens.field_errors import Errors, raise_what_is_wrong
from simsim.tokens.models import Token, TokenRequest
from simsim.tokens.rotation_overlap import rotation_id
from simsim.tokens.token_credentials import TokenCredentials, credentials_of, prove_retrievable, seal_password
from simsim.tokens.token_events import audited_fields, changes_since, record_token_event
from simsim.tokens.token_fields import TokenFields, pack_allowlist, parse_fields, unsaved_token

MAX_OVERLAP = timedelta(days=7)
EDITABLE_COLUMNS = (
    "name", "name_key", "description", "search_key", "software", "allowed_networks", "allowlist", "limits",
    "rates", "report_only",
)  # fmt: skip
ROTATED_COLUMNS = ("digest", "sealed_password", "password_end", "previous_digest", "previous_works_until", "rotated_at")


class Way(StrEnum):
    """How credentials are retrieved."""

    SHOWN = "shown"
    DOWNLOADED = "downloaded"


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
    limits: Iterable[str] = (),
    rates: Iterable[str] = (),
    request: TokenRequest | None = None,
    is_quiet: bool = False,
    now: datetime,
) -> tuple[Token, TokenCredentials]:
    """Create a token, queue an email to every administrator (R8), and return the token with its credentials.

    With `is_quiet`, no email is queued, and the audit trail says so. `request` is the member's request that the token
    grants (R3). Raises Invalid with every field that breaks a rule, AlreadyExists if an active token has the name
    (R5), AlreadyAnswered when somebody else has answered the request,
    CreationFrozen during an incident, and ApprovalRequired if a second administrator must approve the token first.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    # Without the lock, two concurrent creations would each find the name free.
    lock_for_creation(account)
    if request is not None:
        token_requests.prove_members(request)
        token_requests.lock(request)
    fields = TokenFields(name, expires, description, software, allowed_networks, report_only, limits, rates)
    token, credentials = new_token(fields, actor=actor, account=account, now=now)
    record_token_event(
        actor, token, Event.TOKEN_CREATED, audited_fields(token) | ({"notice": "suppressed"} if is_quiet else {}), now
    )
    if not is_quiet:
        notices.owe_created([token], now=now)
    webhook_events.owe_created([token], now=now)
    if request is not None:
        token_requests.grant(request, actor=actor, token=token, now=now)
    return token, credentials


def new_token(
    fields: TokenFields, *, actor: Actor, account: Account, is_approved: bool = False, now: datetime
) -> tuple[Token, TokenCredentials]:
    """Store a token.

    The caller must first check permission and lock the account, and must record the event. Raises the same exceptions
    as `create_token`, but never ApprovalRequired if a second administrator has approved the token.
    """
    errors = Errors()
    values = parse_fields(fields, errors, parse_expiry=partial(rules.parse_expiry, now=now))
    policy = policies.policies_of(account).effective
    policy_rules.prove_new_token(errors, policy, values, now=now)
    raise_what_is_wrong(errors, account, values["name"], now=now)
    if not is_approved and (reasons := policy_rules.reasons_for_new_token(policy, values, now=now)):
        raise ApprovalRequired(*reasons)
    token = unsaved_token(values, actor=actor, account=account, now=now)
    secret = set_new_password(token, policy)
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
    limits: Sequence[str] | None = None,
    rates: Sequence[str] | None = None,
    now: datetime,
) -> Token:
    """Change the editable fields (R12); None leaves a field as it is, and "" removes the software.

    Raises TokenNotActive for an expired or revoked token, which is read-only.
    """
    token = lock_active_token(actor, token, now)
    errors, before = Errors(), audited_fields(token)
    networks_before, report_only_before = list(token.allowed_networks), token.report_only
    if name is not None:
        token.name = errors.collect(lambda: parse_line("name", name)) or token.name
    if description is not None:
        token.description = errors.collect(lambda: parse_text("description", description)) or ""
    if software is not None:
        token.software = errors.collect(lambda: rules.parse_software(software, present=token.software))
    restrict(token, errors, allowed_networks=allowed_networks, limits=limits, rates=rates)
    pack_allowlist(token, report_only=token.report_only if report_only is None else report_only)
    policy_rules.prove_changed_list(errors, token, networks_before, report_only_before=report_only_before)
    # Two tokens that are older than this rule may share a name. Their other fields must stay editable.
    new_name = token.name if token.name != before["name"] else None
    raise_what_is_wrong(errors, token.account, new_name, now=now, but=token)
    token.set_keys()
    if changed := changes_since(before, token):
        token.save(update_fields=EDITABLE_COLUMNS)
        record_token_event(actor, token, Event.TOKEN_EDITED, changed, now)
    if not changed.keys().isdisjoint({"allowed_networks", "limits", "report_only"}):
        notices.owe_allowlist_changed(token, before, actor=actor, now=now)
    return token


def restrict(
    token: Token,
    errors: Errors,
    *,
    allowed_networks: Sequence[str] | None,
    limits: Sequence[str] | None,
    rates: Sequence[str] | None,
) -> None:
    """Set what restricts the token, and collect the errors; None leaves a field as it is."""
    if allowed_networks is not None:
        token.allowed_networks = errors.collect(lambda: rules.parse_networks(allowed_networks)) or []
    if limits is not None:
        token.limits = errors.collect(lambda: rules.parse_limits(limits)) or ""
    if rates is not None:
        token.rates = errors.collect(lambda: rules.parse_rates(rates)) or ""


@transaction.atomic
def show_credentials(*, actor: Actor, token: Token, way: Way = Way.SHOWN, now: datetime) -> TokenCredentials:
    """Return the username and password of an active token (R11); record this, and notify others.

    Nobody is notified if the token's creator retrieves them. Raises RetrievalLimited, and PasswordNotKept.

    `way` says how they are retrieved: on a page or in a terminal, or as a file.
    """
    token = lock_active_token(actor, token, now)
    prove_retrievable(token, actor=actor)
    shown = credentials_of(token)
    record_token_event(actor, token, Event.TOKEN_CREDENTIALS_SHOWN, {} if way == Way.SHOWN else {"way": way.value}, now)
    notices.owe_retrieved(token, actor=actor, way=way, now=now)
    return shown


@transaction.atomic
def try_credentials(*, actor: Actor, token: Token, now: datetime) -> TokenCredentials:
    """Return the username and password for a test request by Simsim; nobody sees them. Recorded as a test."""
    token = lock_active_token(actor, token, now)
    shown = credentials_of(token)
    record_token_event(actor, token, Event.TOKEN_TRIED, {}, now)
    return shown


@transaction.atomic
def revoke_token(*, actor: Actor, token: Token, reason: str = "", now: datetime) -> Token:
    """Revoke a token permanently (R13). Revoking it again changes nothing; an expired token can still be revoked."""
    permit(actor, Permission.MANAGE_TOKENS, token.account)
    mark_revoked(token, actor=actor, reason=rules.parse_reason(reason), now=now)
    return token


def mark_revoked(token: Token, *, actor: Actor, reason: str, has_own_mail: bool = False, now: datetime) -> None:
    """Revoke a token for an actor who may do so; with `has_own_mail`, another email than the usual notice says it."""
    # The condition is the lock: of two concurrent callers only one changes the row, so one event is recorded.
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
        notices.owe_revoked(token, actor=actor, has_own_mail=has_own_mail, now=now)


@transaction.atomic
def rotate_token(
    *, actor: Actor, token: Token, overlap: timedelta, after: str | None = None, now: datetime
) -> tuple[Token, TokenCredentials]:
    """Give a token a new password; the previous one works until the overlap ends; any older one stops working now (B2).

    Raises RotatedMeanwhile if the token was rotated after `token` was read, or after the rotation `after`, which is the
    `rotation_id` that the caller has seen.
    """
    seen, token = token, lock_active_token(actor, token, now)
    # Otherwise a form that is submitted twice would end the overlap that the first submission began.
    prove_not_rotated(token, after)
    prove_not_rotated(token, rotation_id(seen))
    return token, give_new_password(token, overlap, actor=actor, now=now)


def give_new_password(token: Token, overlap: timedelta, *, actor: Actor, now: datetime) -> TokenCredentials:
    """Rotate a token that the caller has locked and checked; return its new credentials."""
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise Invalid(FieldError("overlap", gettext_noop("The overlap must be between 0 and 7 days.")))
    token.previous_digest = bytes(token.digest) if overlap else None
    token.previous_works_until = now + overlap if overlap else None
    token.rotated_at = now
    secret = set_new_password(token, policies.policies_of(token.account).effective)
    token.save(update_fields=ROTATED_COLUMNS)
    record_token_event(actor, token, Event.TOKEN_ROTATED, {"overlap_seconds": int(overlap.total_seconds())}, now)
    notices.owe_rotated(token, overlap=overlap, actor=actor, now=now)
    return TokenCredentials(str(token.account_id), secret)


@transaction.atomic
def end_overlap(*, actor: Actor, token: Token, after: str | None = None, now: datetime) -> Token:
    """Stop the previous password now. Without an overlap, nothing changes.

    Raises RotatedMeanwhile when the token was rotated after the rotation `after`: a person who confirmed the end of one
    previous password must not stop another.
    """
    token = lock_active_token(actor, token, now)
    prove_not_rotated(token, after)
    if token.previous_works_until is not None and token.previous_works_until > now:
        token.previous_works_until = now
        token.save(update_fields=["previous_works_until"])
        record_token_event(actor, token, Event.TOKEN_OVERLAP_ENDED, {"name": token.name}, now)
    return token


def lock_active_token(actor: Actor, token: Token, now: datetime) -> Token:
    """Return the token as it is now, with its account locked; it works or is paused.

    Raises NotFound, NotPermitted or TokenNotActive.
    """
    permit(actor, Permission.MANAGE_TOKENS, token.account)
    lock_open(token.account)
    fresh = Token.objects.select_related("account", "software").get(pk=token.pk)
    if fresh.has_ended(now):
        raise TokenNotActive(name=fresh.name, status=fresh.status(now))
    return fresh


def prove_not_rotated(token: Token, after: str | None) -> None:
    """Raise RotatedMeanwhile if the rotation `after` is not the token's latest. None skips the check."""
    if after is not None and after != rotation_id(token):
        raise RotatedMeanwhile(name=token.name)


def set_new_password(token: Token, policy: policies.TokenPolicy) -> str:
    """Give the token a new password, which is stored as the account's policy says, and return it."""
    secret = password.mint()
    token.digest, token.password_end = digest(secret), password.end_of(secret)
    token.sealed_password = seal_password(token, secret, policy)
    return secret
