"""Tokens that need a second administrator: one asks with every field, another approves exactly these (B10)."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction

from simsim.accounts.models import Account, Role, User
from simsim.accounts.name_keys import name_key
from simsim.accounts.permissions import Actor, Permission, actor_of, administrators, permit, role_of
from simsim.audit.events import Event
from simsim.credential.limits import unpack
from simsim.problem import (
    AlreadyAnswered,
    AskerNotAdministrator,
    FieldError,
    Invalid,
    NotFound,
    NotInThisSession,
    NotPermitted,
    OwnRequest,
    TooManyRequested,
    gettext_noop,
)
from simsim.tokens import approval_notices, notices, policies, policy_rules, rules, token_requests, webhook_events
from simsim.tokens.actions import new_token
from simsim.tokens.creation_freeze import lock_for_creation
from simsim.tokens.field_errors import Errors, raise_what_is_wrong
from simsim.tokens.models import TargetSoftware, Token, TokenRequest
from simsim.tokens.token_events import audited_fields, record_token_event
from simsim.tokens.token_fields import TokenFields, parse_fields

MAX_WAITING = 20


@transaction.atomic
def ask_for_approval(
    *, actor: Actor, account: Account, fields: TokenFields, request: TokenRequest | None = None, now: datetime
) -> TokenRequest:
    """Store a token that waits for another administrator, and queue an email to each of them.

    `request` is the member's request that the token would grant. Asking for the same again returns the waiting
    request. Raises what `create_token` raises, NotInThisSession for a person who is an administrator only in a session
    from the operator's product, and TooManyRequested if MAX_WAITING of the person's requests are waiting.
    """
    asker = administrator(actor, account)
    if request is not None:
        token_requests.prove_members(request)
        if request.answered_at is not None:
            raise AlreadyAnswered(who=request.answered_by_label)
    lock_for_creation(account)
    values = proven(fields, account, now)
    proposal = proposal_of(fields, values, request, now)
    waiting = TokenRequest.objects.filter(account=account, asked_by=asker, answered_at=None, proposal__isnull=False)
    mine = list(waiting.select_related("account", "software"))
    if same := next((other for other in mine if name_key(other.name) == name_key(values["name"])), None):
        if (same.proposal, same.purpose, same.software) == (proposal, values["description"], values["software"]):
            return same
        message = gettext_noop("Your request for “%(name)s” is still waiting. Withdraw it before you ask for another.")
        raise Invalid(FieldError("name", message, {"name": same.name}))
    if len(mine) >= MAX_WAITING:
        raise TooManyRequested(number=str(MAX_WAITING))
    asked = TokenRequest.objects.create(
        account=account, asked_by=asker, asked_by_label=actor.label, name=values["name"],
        purpose=values["description"], software=values["software"], proposal=proposal, asked_at=now,
    )  # fmt: skip
    software: TargetSoftware | None = values["software"]
    details = {"software": software.slug if software else None} | (token_requests.proposed(asked) or {})
    token_requests.record_request_event(actor, asked, Event.TOKEN_REQUESTED, details, now)
    approval_notices.owe_asked(asked, now=now)
    return asked


@transaction.atomic
def approve_request(*, actor: Actor, request: TokenRequest, now: datetime) -> Token:
    """Create the token that another administrator asked for, which is theirs; nobody sees its password here.

    The policies of this moment apply. Raises OwnRequest, AskerNotAdministrator, AlreadyAnswered, and what
    `create_token` raises.
    """
    account = request.account
    permit(actor, Permission.MANAGE_TOKENS, account)
    lock_for_creation(account)
    # Under the lock, because the approver may have lost the role in the meantime.
    approver = administrator(actor, account)
    token_requests.lock(request)
    # Otherwise, a second approval would complain about the name of the token that the first one created.
    request.refresh_from_db()
    if request.answered_at is not None:
        raise AlreadyAnswered(who=request.answered_by_label)
    asker = prove_asker(request, approver)
    # Before anything is recorded: see `token_requests.lock`.
    if (member := members_request(request)) is not None:
        token_requests.lock(member)
    token, _ = new_token(fields_of(request), actor=actor_of(asker), account=account, is_approved=True, now=now)
    record_token_event(actor, token, Event.TOKEN_CREATED, audited_fields(token) | {"asked_by": asker.email}, now)
    notices.owe_created([token], now=now)
    webhook_events.owe_created([token], now=now)
    token_requests.mark_granted(request, actor=actor, token=token, now=now)
    if member is not None:
        token_requests.grant(member, actor=actor, token=token, now=now)
    approval_notices.owe_answered(request, actor=actor, now=now)
    return token


def has_approvers(account: Account, *, asker: Actor) -> bool:
    """Whether the account has an administrator other than the one who asks."""
    return any(user != asker.user for user in administrators(account))


def administrator(actor: Actor, account: Account) -> User:
    """Return the person, who is an administrator of the account by membership; raise otherwise.

    A role that holds only in a session from the operator's product proves no second person.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    if actor.user is None:
        raise NotPermitted
    if actor.portal is not None:
        raise NotInThisSession(
            gettext_noop("You can’t ask for an approval or give one in a session that began in another product.")
        )
    return actor.user


def prove_asker(request: TokenRequest, approver: User) -> User:
    """Return the person who asked; raise unless they are another administrator, still."""
    if request.proposal is None:
        raise Invalid(FieldError("request_id", gettext_noop("A member asked for this token. Create it, or decline.")))
    asker = request.asked_by
    if asker == approver:
        raise OwnRequest
    if asker is None or not is_asker_there(request):
        raise AskerNotAdministrator(who=request.asked_by_label)
    return asker


def is_asker_there(request: TokenRequest) -> bool:
    """Whether the person who asked is still an administrator of the account."""
    asker = request.asked_by
    return asker is not None and role_of(asker, request.account) == Role.ADMINISTRATOR


def proven(fields: TokenFields, account: Account, now: datetime) -> dict[str, Any]:
    """Return the values of the fields; raise what creating the token would raise."""
    errors = Errors()
    values = parse_fields(fields, errors, parse_expiry=partial(rules.parse_expiry, now=now))
    policy_rules.prove_new_token(errors, policies.policies_of(account).effective, values, now=now)
    raise_what_is_wrong(errors, account, values["name"], now=now)
    return values


def proposal_of(
    fields: TokenFields, values: dict[str, Any], request: TokenRequest | None, now: datetime
) -> dict[str, Any]:
    """Return what `TokenRequest.proposal` stores. A number of days becomes a date, which stays while nobody answers."""
    expires = fields.expires.strip()
    if days := rules.DURATION.match(expires):
        expires = (now + timedelta(days=int(days[1]))).date().isoformat()
    return {
        "expires": expires,
        "allowed_networks": values["allowed_networks"],
        "report_only": values["report_only"],
        "limits": unpack(values["limits"]),
        "rates": values["rates"].splitlines(),
        "request_id": str(request.pk) if request else None,
    }


def fields_of(request: TokenRequest) -> TokenFields:
    """Return the fields of the token that an administrator asked for."""
    proposal = request.proposal or {}
    return TokenFields(
        request.name, proposal["expires"], request.purpose, request.software.slug if request.software else None,
        proposal["allowed_networks"], proposal["report_only"], proposal["limits"], proposal["rates"],
    )  # fmt: skip


def members_request(request: TokenRequest) -> TokenRequest | None:
    """Return the member's request that the token grants, None without one; raise NotFound if it is gone."""
    wanted = (request.proposal or {})["request_id"]
    if wanted is None:
        return None
    found = TokenRequest.objects.select_related("account", "software", "asked_by").filter(
        pk=wanted, account=request.account
    )
    member = found.first()
    if member is None:
        raise NotFound
    return member
