"""The door of SCIM: who calls, for which account, and how a problem reads in the protocol (RFC 7644, section 3.12)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from pydantic import ValidationError
from scim2_models import Error, SCIMException, ScimPolicy

from simsim.accounts.client_address import address_of
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.accounts.provider_rules import ProviderRules
from simsim.api import rate_limits
from simsim.api.callers import program
from simsim.api.calls import parse_json, prove_signed_in_well_enough
from simsim.management_problem import (
    InsufficientScope,
    Internal,
    NotAcceptedMediaType,
    RateLimited,
    Unauthenticated,
)
from simsim.management_tokens.models import Scope
from simsim.problem import (
    AlreadyExists,
    BadRequest,
    Invalid,
    MethodNotAllowed,
    NotFound,
    NotImplementedHere,
    Problem,
    gettext_noop,
)

MEDIA_TYPE = "application/scim+json"
MEDIA_TYPES = {MEDIA_TYPE, "application/json"}
CHALLENGE = 'Bearer realm="simsim management"'
# Identity providers send more than we use, and some of it not quite as the RFC has it.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScimCall:
    """A permitted call: `actor` is the provider, which acts within the operator's `rules` in the token's account."""

    request: HttpRequest
    account: Account
    actor: Actor
    rules: ProviderRules
    now: datetime

    def body(self) -> Any:
        """Return the request's JSON; raise NotAcceptedMediaType, BadRequest or Invalid."""
        if self.request.content_type not in MEDIA_TYPES:
            raise NotAcceptedMediaType
        return parse_json(self.request.body)


Handler = Callable[..., HttpResponse]


def methods(**handlers: Handler) -> Callable[..., HttpResponse]:
    """Return the view that answers each method (`get`, `post`, …) with its handler, and every error as SCIM has it."""
    allowed = ", ".join(sorted(name.upper() for name in handlers))

    @csrf_exempt
    def view(request: HttpRequest, **values: str) -> HttpResponse:
        try:
            with POLICY:
                call = admitted(request)
                response = handlers.get((request.method or "").lower(), no_method)(call, **values)
        except Exception as error:
            response = refusal(request, error)
        if response.status_code == MethodNotAllowed.status:
            response.headers["Allow"] = allowed
        rate_limits.add_headers(request, response)
        return response

    return view


def refusal(request: HttpRequest, error: Exception) -> HttpResponse:
    """Return the response to whatever a handler raised; a bug is logged, and its answer says nothing about it."""
    if isinstance(error, Problem):
        return problem_response(error)
    if isinstance(error, ValidationError):
        return error_response(Error.from_validation_errors(error)[0])
    if isinstance(error, SCIMException):
        return error_response(error.to_error())
    log.error("SCIM failed on %s %s", request.method, request.path, exc_info=error)
    return problem_response(Internal())


def admitted(request: HttpRequest) -> ScimCall:
    """Return the call; raise Unauthenticated, RateLimited, InsufficientScope, or what the account demands."""
    now = timezone.now()
    caller = program(request.headers.get("Authorization", ""), address_of(request), now, takes_bearer=True)
    rate_limits.count(request, caller.client)
    account = caller.account
    if account is None or Scope.PEOPLE not in caller.scopes:
        raise InsufficientScope(scope=Scope.PEOPLE)
    permit(caller.actor, Permission.MANAGE_PEOPLE, account)
    prove_signed_in_well_enough(request, caller, account, now)
    # From here on, the operator's rules decide, and not whoever created the token: they may remove that person too.
    provider = Actor("SCIM", management_token=caller.actor.management_token)
    return ScimCall(request, account, provider, settings.PROVIDER_RULES, now)


def problem_response(problem: Problem) -> HttpResponse:
    """Return the problem as a SCIM error."""
    if isinstance(problem, Invalid):
        detail = " ".join(f"{error.field}: {error}" for error in problem.errors)
        return error_response(Error(status=400, scim_type="invalidValue", detail=detail))
    keyword = {AlreadyExists: "uniqueness", BadRequest: "invalidSyntax"}.get(type(problem))
    response = error_response(Error(status=problem.status, scim_type=keyword, detail=str(problem)))
    if isinstance(problem, Unauthenticated):
        response.headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(problem, RateLimited):
        response.headers["Retry-After"] = problem.params["seconds"]
    return response


def error_response(error: Error) -> HttpResponse:
    return HttpResponse(error.model_dump_json(), status=error.status or 400, content_type=MEDIA_TYPE)


def no_method(call: ScimCall, **values: str) -> HttpResponse:
    """Answer a method that an address does not have."""
    del call, values
    raise MethodNotAllowed


def not_implemented(call: ScimCall, **values: str) -> HttpResponse:
    """Answer a search through all kinds of resources at once, which RFC 7644, section 3.4.3, leaves optional."""
    del call, values
    raise NotImplementedHere(gettext_noop("Search one kind of resource at a time, below /Users or /Groups."))


def nowhere(call: ScimCall, **values: str) -> HttpResponse:
    """Answer any other address."""
    del call, values
    raise NotFound
