"""The OpenAPI document: what the framework knows of the operations, with every error, header and example."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from ninja import NinjaAPI

from simsim.api.idempotency_keys import HEADER, MAX_LENGTH
from simsim.api.operation import OPERATIONS, Operation
from simsim.api.responses import JSON, type_of
from simsim.management_problem import (
    IdempotencyKeyReused,
    InsufficientScope,
    Internal,
    NotAcceptedMediaType,
    NotSentByThisSite,
    PreconditionRequired,
    RateLimited,
    RecentAuthenticationRequired,
    RequestUnderWay,
    SecondFactorRequired,
    SingleSignOnRequired,
    Unauthenticated,
)
from simsim.problem import (
    MEDIA_TYPE,
    ApprovalRequired,
    BadRequest,
    BodyTooLarge,
    FieldError,
    Invalid,
    NotFound,
    NotPermitted,
    Problem,
)

TITLE, VERSION = "Simsim management API", "1"
DESCRIPTION = """\
Everything that a person does in the console, a script can do here under the same rules.

**Credentials.** HTTP Basic with a management token, whose username and password the console or `simsim management-token
create` show once. It acts as the administrator who created it, in that account only. In a browser, the console's cookie
works too; a change then needs the header `X-CSRFToken`. `/self` takes the credentials of an API token instead.

**Errors** are problem documents (RFC 9457). `type` leads to the problem's description.

**Lists** are `{items, next_cursor}`; the header `Link` has the next page. **Times** are in UTC with `Z`; **ids** are
text. Unknown fields and parameters are refused, and so is one that is given twice.
"""
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "A problem document (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The problem’s name, and its description’s URL."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, in a sentence."},
        "errors": {
            "type": "array",
            "description": "Each field that is wrong; only with status 422.",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
SECURITY_SCHEMES: dict[str, Any] = {
    "managementToken": {"type": "http", "scheme": "basic", "description": "A management token."},
    "session": {"type": "apiKey", "in": "cookie", "name": "simsim", "description": "The console’s cookie."},
    "ownToken": {"type": "http", "scheme": "basic", "description": "The credentials of an API token."},
}
# In the order in which readers meet them.
TAGS = (
    "Tokens", "Requests for tokens", "Log, usage and audit trail", "Your own token", "Notices", "Policies", "People",
    "Management tokens", "Accounts", "Target software", "Webhooks", "Leaked passwords", "Installation",
)  # fmt: skip
UUIDS = {"account_id", "token_id", "management_token_id", "webhook_id", "hand_over_id"}
CREATED = 201
MEANINGS = {200: "Done.", 201: "Created.", 204: "Done; there is no content."}
RATE_HEADERS = {
    "RateLimit": "What you may still send, and in how many seconds the count starts again.",
    "RateLimit-Policy": "How many requests you may send in how many seconds.",
}


def document(api: NinjaAPI) -> dict[str, Any]:
    """Return the document."""
    found: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=""))
    found["info"] = {"title": TITLE, "version": VERSION, "description": DESCRIPTION, "license": {"name": "Apache-2.0"}}
    found["servers"] = [{"url": f"{settings.OPERATOR.base_url.rstrip('/')}/api/v1"}]
    found["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    schemes = dict(SECURITY_SCHEMES)
    schemes["session"] = schemes["session"] | {"name": settings.SESSION_COOKIE_NAME}
    found["components"]["securitySchemes"] = schemes
    found["tags"] = [{"name": tag} for tag in TAGS]
    for methods in found["paths"].values():
        for described in methods.values():
            complete(described, OPERATIONS[described["operationId"]], found["components"]["schemas"])
    return found


def complete(described: dict[str, Any], operation: Operation, schemas: dict[str, Any]) -> None:
    """Add what the framework does not know of an operation."""
    described["security"] = [{scheme: []} for scheme in operation.door.security]
    described["x-scopes"] = sorted(operation.rule.scopes)
    described["parameters"] += header_parameters(operation)
    for parameter in described["parameters"]:
        if parameter["in"] == "path" and parameter["name"] in UUIDS:
            parameter["schema"]["format"] = "uuid"
    add_examples(described, schemas)
    if operation.body is not None and not any(field.is_required() for field in operation.body.model_fields.values()):
        described["requestBody"]["required"] = False
    answered = described["responses"].pop(operation.status)
    answered["description"] = MEANINGS[operation.status]
    if operation.media:
        kinds = {JSON: "object"}
        answered["content"] = {media: {"schema": {"type": kinds.get(media, "string")}} for media in operation.media}
    if links := links_of(operation):
        answered["links"] = links
    answered["headers"] = headers_of({**operation.headers, **RATE_HEADERS})
    described["responses"] = {str(operation.status): answered, **problem_responses(operation)}


def links_of(operation: Operation) -> dict[str, Any]:
    """Return the operations on what an operation has created, with the parameters that name it."""
    if operation.status != CREATED or operation.answer is None or "id" not in operation.answer.model_fields:
        return {}
    own = {name: f"$request.path.{name}" for name in operation.path_parameters}
    found = {}
    for other in OPERATIONS.values():
        below = other.path.removeprefix(operation.path)
        new = [name for name in other.path_parameters if name not in own]
        if below != other.path and len(new) == 1 and below.startswith("/{"):
            parameters = {f"path.{name}": value for name, value in own.items()} | {
                f"path.{new[0]}": "$response.body#/id"
            }
            found[other.name] = {"operationId": other.name, "parameters": parameters}
    return found


def header_parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"in": "header", "name": name, "required": True, "schema": {"type": "string"}, "description": text}
        for name, text in operation.door.request_headers.items()
    ]
    if PreconditionRequired in operation.problems:
        found.append(
            {
                "in": "header", "name": "If-Match", "required": True, "schema": {"type": "string"}, "example": "*",
                "description": "The ETag that you read, or * to overwrite any change.",
            }
        )  # fmt: skip
    if operation.rule.creates:
        found.append(
            {
                "in": "header", "name": HEADER, "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": "^[!#-~]+$"},
                "example": "5f0c2c1e-8a55-4b6e-9c1b-1d0a7b3e9f10",
                "description": "A text of your choice for this request. Sent again within 24 hours, it gets the same "
                "answer, and nothing is created twice.",
            }
        )  # fmt: skip
    found += [
        {"in": "header", "name": name, "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in operation.takes.items()
    ]
    return found


def add_examples(described: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Copy the models' examples to where readers look for them."""
    contents = [described.get("requestBody", {}), *described["responses"].values()]
    for content in contents:
        media = content.get("content", {}).get(JSON)
        if media is None:
            continue
        schema = media["schema"]
        schema = schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
        media["example"] = schema["examples"][0]


def headers_of(texts: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()}


def problems_of(operation: Operation) -> list[type[Problem]]:
    """Return every problem that the operation may answer."""
    rule, found = operation.rule, [RateLimited, Internal]
    if operation.door.security:
        found.append(Unauthenticated)
    if rule.scopes:
        found += [NotPermitted, InsufficientScope]
    if "{" in operation.path or rule.scopes:
        found.append(NotFound)
    if operation.method != "GET":
        found += [BadRequest, NotAcceptedMediaType, BodyTooLarge]
        found += [NotSentByThisSite] if rule.scopes else []
    if "{account_id}" in operation.path:
        found += [SecondFactorRequired, SingleSignOnRequired]
    if rule.needs_recent:
        found.append(RecentAuthenticationRequired)
    if rule.creates:
        found += [RequestUnderWay, IdempotencyKeyReused]
    return [*dict.fromkeys([*found, Invalid, *operation.problems])]


def problem_responses(operation: Operation) -> dict[str, Any]:
    """Return the responses with problem documents, by status."""
    by_status: dict[int, list[type[Problem]]] = defaultdict(list)
    for problem in problems_of(operation):
        by_status[problem.status].append(problem)
    responses = {}
    for status, problems in sorted(by_status.items()):
        examples = {problem.slug: {"value": example_of(problem)} for problem in problems}
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}
        titles = [*dict.fromkeys(problem.title for problem in problems)]
        responses[str(status)] = {"description": ". ".join(titles) + ".", "content": content}
    if RateLimited.status in by_status:
        responses[str(RateLimited.status)]["headers"] = headers_of({"Retry-After": "Seconds to wait."})
    return responses


def example_of(problem: type[Problem]) -> dict[str, object]:
    if problem is ApprovalRequired:
        message = "A token that any address may use needs the approval of a second administrator."
        made: Problem = ApprovalRequired(FieldError("allowed_networks", message))
    elif problem is Invalid:
        made = Invalid(FieldError("name", "This field is required."))
    else:
        made = problem(**dict.fromkeys(("name", "status", "scope", "email", "seconds", "who", "number", "reason"), "…"))
    detail = str(made) or "“Acme” exists already."
    return made.document() | {"type": type_of(made), "detail": detail}
