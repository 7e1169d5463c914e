"""The door of the management API: who calls, whether they may, and whether the request is well formed."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils import timezone

from simsim.accounts.models import Account, Membership, Role, SingleSignOn
from simsim.accounts.permissions import GRANTS, Actor, Permission, granted
from simsim.accounts.recent_authentication import is_recent, is_signed_in_at_provider
from simsim.accounts.second_factors import is_missing
from simsim.accounts.single_sign_on import is_required
from simsim.api import rate_limits
from simsim.api.callers import Caller, identify
from simsim.api.idempotency_keys import key_in
from simsim.audit.events import Event
from simsim.management_problem import (
    InsufficientScope,
    NotAcceptedMediaType,
    RecentAuthenticationRequired,
    SecondFactorRequired,
    SingleSignOnRequired,
)
from simsim.management_tokens.models import Scope
from simsim.problem import BadRequest, FieldError, Invalid, NotFound, NotPermitted, gettext_noop

UNKNOWN = gettext_noop("There is no field or parameter with this name.")
NO_NUL = gettext_noop("The character U+0000 can’t be used here.")
TWICE = gettext_noop("This was given more than once.")
OPERATORS_ONLY = gettext_noop("Only the operator may do this, with a management token of the scope operator.")
NOT_JSON = gettext_noop("The body is not valid JSON in UTF-8.")
NO_OBJECT = gettext_noop("Send a JSON object.")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Rule:
    """Who may call an operation, with what, and what it leaves in the audit trail: see `operation`."""

    scopes: frozenset[Scope]
    permission: Permission | None
    audit: Event | str
    needs_recent: bool
    creates: bool
    is_secret: bool
    query: frozenset[str]
    has_body: bool


@dataclass(frozen=True)
class Call:
    """A permitted call: who acts, in which account, and `now`, the time for everything that it does."""

    request: HttpRequest
    caller: Caller
    actor: Actor
    account_or_none: Account | None
    now: datetime
    idempotency_key: str | None

    @property
    def account(self) -> Account:
        """The account that the path names."""
        if self.account_or_none is None:
            raise NotFound
        return self.account_or_none

    def demand_recent_authentication(self) -> None:
        """Raise RecentAuthenticationRequired for a person in a browser who entered their password too long ago."""
        if self.caller.is_session and not is_recent(self.request):
            raise RecentAuthenticationRequired


class Door:
    """The framework's authentication of one operation: returns the Call, or raises the Problem that refuses it.

    `security` names the schemes of the OpenAPI document, `request_headers` the headers that it requires.
    """

    security: ClassVar[tuple[str, ...]] = ("managementToken", "session")
    request_headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def __call__(self, request: HttpRequest) -> Call:
        rule, now = self._rule, timezone.now()
        caller = identify(request, now)
        rate_limits.count(request, caller.client)
        account = account_in(request, caller)
        actor = actor_for(request, rule, caller, account, now)
        key = read_request(request, rule)
        call = Call(request, caller, actor, account, now, key)
        if rule.needs_recent:
            call.demand_recent_authentication()
        return call


def read_request(request: HttpRequest, rule: Rule) -> str | None:
    """Check query and body, and return the Idempotency-Key, None if there is none; raise BadRequest or Invalid."""
    prove_query(request, rule.query)
    if request.method not in SAFE_METHODS:
        read_body(request, has_body=rule.has_body)
    return key_in(request) if rule.creates else None


def account_in(request: HttpRequest, caller: Caller) -> Account | None:
    """Return the account that the path names, None if it names none; raise NotFound for an unknown account."""
    match = request.resolver_match
    wanted = match.kwargs.get("account_id") if match else None
    if wanted is None:
        return None
    try:
        key = uuid.UUID(wanted)
    except ValueError:
        raise NotFound from None
    found = caller.account if key == caller.account_id else Account.objects.filter(pk=key).first()
    if found is None:
        raise NotFound
    return found


def actor_for(request: HttpRequest, rule: Rule, caller: Caller, account: Account | None, now: datetime) -> Actor:
    """Return whom the call acts as.

    Raises NotFound for an account that is not the caller's, InsufficientScope or NotPermitted for what they may not do
    in it.
    """
    person_scopes = rule.scopes - {Scope.OPERATOR}
    held = frozenset(Permission)  # without an account in the path, what the call does asks for permission
    if caller.is_operator:
        if Scope.OPERATOR not in rule.scopes:
            raise InsufficientScope(scope=" or ".join(sorted(person_scopes)))
        return caller.actor
    if account is not None:
        if caller.account_id is not None and caller.account_id != account.pk:
            raise NotFound
        # A management token has just been found to have its administrator's role: see `authenticate`.
        held = GRANTS[Role.ADMINISTRATOR] if caller.account else granted(caller.actor, account)
        prove_signed_in_well_enough(request, caller, account, now)
    if not person_scopes & caller.scopes:
        raise NotPermitted(OPERATORS_ONLY) if caller.is_session else InsufficientScope(scope=" or ".join(rule.scopes))
    if rule.permission is not None and rule.permission not in held:
        raise NotPermitted
    return caller.actor


def prove_signed_in_well_enough(request: HttpRequest, caller: Caller, account: Account, now: datetime) -> None:
    """Raise SingleSignOnRequired or SecondFactorRequired for somebody without what the account requires of them.

    A management token needs no single sign-on: it has its own expiry and networks, and ends with its maker's role.
    """
    user = caller.actor.user
    if account.single_sign_on == SingleSignOn.OFF and not account.needs_second_factor:
        return
    membership = Membership.objects.select_related("account", "user").filter(account=account, user=user).first()
    if membership is None or user is None:
        return
    if caller.is_session and is_required(membership, now=now) and not is_signed_in_at_provider(request):
        raise SingleSignOnRequired
    if is_missing(membership, user, now=now):
        raise SecondFactorRequired


def prove_query(request: HttpRequest, known: Iterable[str]) -> None:
    """Raise Invalid for a query parameter that the operation does not have, or that was given twice.

    The framework would ignore the first, and take the last of the second.
    """
    errors = [FieldError(name, UNKNOWN) for name in request.GET if name not in known]
    # PostgreSQL can't compare anything with such a text.
    errors += [FieldError(name, NO_NUL) for name, values in request.GET.lists() if "\0" in "".join(values)]
    errors += [FieldError(name, TWICE) for name, values in request.GET.lists() if len(values) > 1]
    if errors:
        raise Invalid(*errors)


def read_body(request: HttpRequest, *, has_body: bool) -> None:
    """Parse the body for the framework's parser. An empty body counts as an empty object.

    Raises NotAcceptedMediaType, BadRequest for a body that is not JSON, and Invalid for anything but an object, for a
    key that is given twice, and for any key if the operation takes no fields.
    """
    found: Any = {}
    if request.body.strip():
        if request.content_type != "application/json":
            raise NotAcceptedMediaType
        found = parse_json(request.body)
    if not isinstance(found, dict):
        raise Invalid(FieldError("body", NO_OBJECT))
    if found and not has_body:
        raise Invalid(*(FieldError(name, UNKNOWN) for name in found))
    request.parsed_body = found  # type: ignore[attr-defined]
    # The framework asks its parser only if there is a body.
    request._body = request.body or b"{}"


def parse_json(body: bytes) -> Any:
    """Return the value; raise BadRequest or Invalid."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        twice.extend(name for name in dict.fromkeys(names) if names.count(name) > 1)
        return dict(found)

    try:
        value = json.loads(body.decode(), object_pairs_hook=pairs, parse_constant=refuse_constant)
        # A lone surrogate is valid JSON, but has no UTF-8, so it can't be stored.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadRequest(NOT_JSON) from None
    if twice:
        raise Invalid(*(FieldError(name, TWICE) for name in twice))
    return value


def refuse_constant(text: str) -> Any:
    """Refuse NaN and Infinity, which are not JSON (RFC 8259, section 6)."""
    raise ValueError(text)
