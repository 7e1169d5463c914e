"""Introspection (RFC 7662) and revocation (RFC 7009) of tokens, for gateways that speak OAuth. Off unless set.

Both take forms and answer errors as OAuth does (RFC 6749, section 5.2), so they stand beside the other operations. The
caller is a program with a management token.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from simsim.accounts.client_address import address_of
from simsim.accounts.permissions import Actor, Permission
from simsim.api import rate_limits
from simsim.api.account_log import address_in
from simsim.api.callers import Caller, program
from simsim.api.calls import Rule, actor_for
from simsim.api.responses import JSON, problem_response, written
from simsim.api.scopes import READ_OR_OPERATOR, TOKENS
from simsim.audit.events import Event
from simsim.credential.allowlist import parse_address
from simsim.credential.decision import Credentials
from simsim.credential.digest import digest
from simsim.management_problem import Unauthenticated
from simsim.management_tokens.models import Scope
from simsim.problem import BadRequest, Invalid, MethodNotAllowed, NotFound, Problem, gettext_noop
from simsim.tokens.actions import revoke_token
from simsim.tokens.presented import present

FORM = "application/x-www-form-urlencoded"
ERRORS = {401: "invalid_client", 403: "insufficient_scope", 429: "temporarily_unavailable"}
HINT = "token_type_hint"
INACTIVE: Mapping[str, object] = {"active": False}
NO_FORM = gettext_noop("Send a form (application/x-www-form-urlencoded) with the password in its field token.")


def rule_of(scopes: frozenset[Scope], permission: Permission, audit: Event | str) -> Rule:
    return Rule(
        scopes, permission, audit, needs_recent=False, creates=False, is_secret=False, query=frozenset(), has_body=True
    )


MAY_READ = rule_of(READ_OR_OPERATOR, Permission.VIEW_TOKENS, "Asking about a token changes nothing.")
MAY_REVOKE = rule_of(TOKENS, Permission.MANAGE_TOKENS, Event.TOKEN_REVOKED)
Form = dict[str, str]
Act = Callable[[Caller, Actor, Form, datetime], Mapping[str, object] | None]


def endpoint(rule: Rule, *fields: str) -> Callable[[Act], Callable[[HttpRequest], HttpResponse]]:
    """Return what makes the view of an endpoint, which takes these fields besides `token` and its hint."""

    def made(act: Act) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        def view(request: HttpRequest) -> HttpResponse:
            if not settings.OPERATOR.oauth_endpoints:
                return problem_response(NotFound())
            if request.method != "POST":
                refused = problem_response(MethodNotAllowed())
                refused.headers["Allow"] = "POST"
                return refused
            try:
                response = answer_of(act(*admitted(request, rule, fields)))
            except Problem as problem:
                response = error_of(problem)
            rate_limits.add_headers(request, response)
            return response

        return view

    return made


def admitted(request: HttpRequest, rule: Rule, fields: tuple[str, ...]) -> tuple[Caller, Actor, Form, datetime]:
    """Return who calls, as whom, with what and when; raise the Problem that refuses them."""
    now, header = timezone.now(), request.headers.get("Authorization")
    if header is None:
        # Never by cookie: another site could send such a form from a person's browser.
        raise Unauthenticated
    caller = program(header, address_of(request), now)
    rate_limits.count(request, caller.client)
    actor = actor_for(request, rule, caller, caller.account, now)
    return caller, actor, form_of(request, {"token", HINT, *fields}), now


def form_of(request: HttpRequest, known: set[str]) -> Form:
    """Return the fields of the form; raise BadRequest. Unknown fields are ignored (RFC 6749, section 3.2)."""
    found = request.POST
    values = {name: found.getlist(name) for name in known if name in found}
    if request.content_type != FORM or request.GET or any(len(each) > 1 or "\0" in each[0] for each in values.values()):
        raise BadRequest(NO_FORM)
    form = {name: each[0] for name, each in values.items()}
    if not form.get("token"):
        raise BadRequest(NO_FORM)
    return form


def answer_of(document: Mapping[str, object] | None) -> HttpResponse:
    body = b"" if document is None else written(document)
    return HttpResponse(body, content_type=JSON)


def error_of(problem: Problem) -> HttpResponse:
    """Return the problem as OAuth's clients expect it."""
    refused = problem_response(problem)
    named = ERRORS.get(problem.status, "invalid_request")
    status = 400 if isinstance(problem, Invalid) else problem.status
    found = HttpResponse(
        written({"error": named, "error_description": str(problem)}), status=status, content_type=JSON,
    )  # fmt: skip
    for name in ("Retry-After", "WWW-Authenticate"):
        if name in refused.headers:
            found.headers[name] = refused.headers[name]
    return found


@endpoint(MAY_READ, "address")
def introspect(caller: Caller, actor: Actor, form: Form, now: datetime) -> Mapping[str, object]:
    """Return what the gate would decide on a request with this password, from `address` if it is given."""
    del actor
    address = address_in(form.get("address"))
    found = present(
        Credentials(None, digest(form["token"])), address=parse_address(address) if address else None, now=now
    )  # fmt: skip
    token = found.token
    if token is None or not found.opens_the_gate or caller.account_id not in {None, token.account_id}:
        return INACTIVE
    ends_at = min(filter(None, (token.expires_at, found.works_until)))
    return {
        "active": True,
        "token_type": "Bearer",
        "sub": str(token.pk),
        "username": str(token.account_id),
        "name": token.name,
        "iat": int(token.created_at.timestamp()),
        "exp": int(ends_at.timestamp()),
    }


@endpoint(MAY_REVOKE)
def revoke(caller: Caller, actor: Actor, form: Form, now: datetime) -> None:
    """Revoke the token with this password. One that does not exist, or of another account, is no error."""
    found = present(Credentials(None, digest(form["token"])), address=None, now=now)
    if found.token is not None and found.token.account_id == caller.account_id:
        revoke_token(actor=actor, token=found.token, reason="", now=now)
