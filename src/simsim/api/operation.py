"""Operations of the management API, each declared once: who may call it, and what it leaves in the audit trail."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router
from ninja.params import functions as params
from pydantic import BaseModel

from simsim.accounts.permissions import Permission
from simsim.api import idempotency, responses
from simsim.api.calls import Call, Door, Rule
from simsim.api.responses import Answer
from simsim.audit.events import Event
from simsim.management_tokens.models import Scope
from simsim.problem import Problem

Handler = Callable[..., Answer | StreamingHttpResponse]
PATH_PARAMETERS = {
    "account_id": "The account’s id: the username of its tokens.",
    "token_id": "The token’s id.",
    "management_token_id": "The management token’s id: its username.",
    "request_id": "The id of the logged request, or of the request for a token.",
    "user_id": "The person’s id.",
    "webhook_id": "The webhook’s id.",
    "delivery_id": "The delivery’s id.",
    "hand_over_id": "The id of the link that hands the token over.",
    "email_id": "The email’s id.",
    "review_id": "The access review’s id.",
    "row_id": "The id of a row of the review.",
    "slug": "The short name of target software.",
}


@dataclass(frozen=True)
class Operation:
    """A declared operation: its route, its rule, and its models for the OpenAPI document."""

    name: str
    method: str
    path: str
    tag: str
    rule: Rule
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answer: type[BaseModel] | None
    status: int
    problems: Sequence[type[Problem]]
    headers: Mapping[str, str]
    takes: Mapping[str, str]
    media: Sequence[str]
    door: type[Door]

    @property
    def path_parameters(self) -> list[str]:
        """The names of the path's parameters, in order."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


OPERATIONS: dict[str, Operation] = {}
router = Router()


def operation(
    method: str,
    path: str,
    *,
    scopes: frozenset[Scope],
    audit: Event | str,
    answer: type[BaseModel] | None,
    permission: Permission | None = None,
    tag: str,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    status: int = 200,
    creates: bool = False,
    is_secret: bool = False,
    needs_recent: bool = False,
    door: type[Door] = Door,
    problems: Sequence[type[Problem]] = (),
    headers: Mapping[str, str] | None = None,
    takes: Mapping[str, str] | None = None,
    media: Sequence[str] = (),
) -> Callable[[Handler], Handler]:
    """Declare an operation. The handler gets the call, then the path's other parameters, `query` and `body` by name.

    `permission` is what permit() must allow in the path's account; `audit` names the event, or says why there is none.
    What `creates` takes an Idempotency-Key; what `is_secret` answers with a password; `takes` describes headers, and
    `media` the types of a stream. For `needs_recent`, a person in a browser must have entered their password recently.
    """
    rule = Rule(
        scopes, permission, audit, needs_recent=needs_recent, creates=creates, is_secret=is_secret,
        query=frozenset(query.model_fields) if query else frozenset(), has_body=body is not None,
    )  # fmt: skip

    def declare(handler: Handler) -> Handler:
        name = handler.__name__
        described = (status, problems, headers or {}, takes or {}, media, door)
        OPERATIONS[name] = declared = Operation(name, method, path, tag, rule, query, body, answer, *described)
        register(declared, handler, door(rule))
        return handler

    return declare


def register(declared: Operation, handler: Handler, door: Door) -> None:
    """Give the framework the operation's view."""

    def view(request: HttpRequest, **values: Any) -> HttpResponseBase:
        call: Call = request.auth  # type: ignore[attr-defined]
        values.pop("account_id", None)
        if call.idempotency_key is not None:
            return idempotency.answered_once(call, lambda: document_of(handler(call, **values)), status=declared.status)
        answer = handler(call, **values)
        if isinstance(answer, StreamingHttpResponse):
            return answer
        return responses.response_of(answer, status=declared.status)

    view.__name__, view.__doc__ = handler.__name__, handler.__doc__
    view.__signature__ = signature_of(declared)  # type: ignore[attr-defined]
    router.api_operation(
        [declared.method],
        declared.path,
        auth=door,
        response={declared.status: declared.answer},
        operation_id=declared.name,
        summary=declared.name.replace("_", " ").capitalize(),
        tags=[declared.tag],
    )(view)


def document_of(answer: Answer | StreamingHttpResponse) -> Answer:
    """Return the answer of an operation that creates something, which is never a stream."""
    if isinstance(answer, StreamingHttpResponse):
        raise TypeError
    return answer


def signature_of(declared: Operation) -> inspect.Signature:
    """Return the signature from which the framework learns an operation's parameters."""
    keyword = Parameter.KEYWORD_ONLY
    parameters = [Parameter("request", Parameter.POSITIONAL_OR_KEYWORD, annotation=HttpRequest)]
    for name in declared.path_parameters:
        described = params.Path(..., description=PATH_PARAMETERS[name])
        parameters.append(Parameter(name, keyword, default=described, annotation=str))
    if declared.query is not None:
        parameters.append(Parameter("query", keyword, default=params.Query(...), annotation=declared.query))
    if declared.body is not None:
        parameters.append(Parameter("body", keyword, default=params.Body(...), annotation=declared.body))
    return inspect.Signature(parameters)
