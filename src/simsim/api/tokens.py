"""Tokens: list, create, read, change, and try an allowlist out."""

import base64
import binascii
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from pydantic import Field

from simsim.account_log import limits_preview
from simsim.account_log.allowlist_preview import document, preview_allowlist, suggest_networks
from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.documents import (
    LimitRules,
    Networks,
    NewToken,
    Token,
    TokenChanges,
    TokenPage,
    TokenStatus,
    TokenWithCredentials,
)
from simsim.api.etags import etag_of, prove_unchanged
from simsim.api.field_names import sent_as
from simsim.api.list_pages import PageQuery, page_answer
from simsim.api.log_documents import AllowlistPreview, LimitsPreview, SuggestedLimits, SuggestedNetworks
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.audit.events import Event
from simsim.management_problem import PreconditionFailed, PreconditionRequired
from simsim.pagination import INVALID_CURSOR
from simsim.problem import (
    AlreadyAnswered,
    AlreadyExists,
    ApprovalRequired,
    CreationFrozen,
    FieldError,
    Invalid,
    TokenNotActive,
)
from simsim.rfc3339 import parse_time
from simsim.tokens import actions, models, selectors
from simsim.tokens.attention import having_text
from simsim.tokens.rules import needs_recent_authentication
from simsim.tokens.token_credentials import TokenCredentials
from simsim.tokens.token_requests import find_request

TAG = "Tokens"
TOKENS_PATH = "/accounts/{account_id}/tokens"
TOKEN_PATH = TOKENS_PATH + "/{token_id}"
READS = "Reading tokens changes nothing and shows no password."
SHOWS_ETAG = {"ETag": "Send it back in If-Match when you change the token."}


class TokenQuery(PageQuery):
    """The filters of a list of tokens."""

    status: TokenStatus | None = Field(None, description="Only tokens with this status.")
    q: str | None = Field(
        None, max_length=200, description="A part of the name, description or creator, or the end of the password."
    )


@operation(
    "GET", TOKENS_PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_TOKENS, audit=READS,
    query=TokenQuery, answer=TokenPage,
)  # fmt: skip
def list_tokens(call: Call, query: TokenQuery) -> Answer:
    """List the account's tokens, those that expire first at the top."""
    status = models.Status(query.status) if query.status else None
    tokens = selectors.tokens_of(call.account, actor=call.actor, status=status, now=call.now)
    if query.q:
        tokens = having_text(tokens, query.q)
    if query.cursor is not None:
        expires_at, after = parse_cursor(query.cursor)
        # The first condition follows from the second; it lets the database begin at the right place of the index.
        tokens = tokens.filter(expires_at__gte=expires_at).filter(Q(expires_at__gt=expires_at) | Q(pk__gt=after))
    found = list(tokens[: query.limit + 1])
    shown = found[: query.limit]
    following = cursor_after(shown[-1]) if len(found) > query.limit else None
    return page_answer(call.request, selectors.documents(shown, now=call.now), following)


def cursor_after(token: models.Token) -> str:
    return base64.urlsafe_b64encode(f"{token.expires_at.isoformat()} {token.pk.hex}".encode()).decode()


def parse_cursor(cursor: str) -> tuple[datetime, uuid.UUID]:
    """Return the expiry and the id after which the page begins; raise Invalid for a cursor that is none of ours."""
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
        moment, _, token_id = text.rpartition(" ")
        expires_at = parse_time(moment)
        if expires_at is not None and expires_at.tzinfo is not None:
            return expires_at, uuid.UUID(token_id)
    except (ValueError, binascii.Error):
        pass
    raise Invalid(FieldError("cursor", INVALID_CURSOR))


@operation(
    "POST", TOKENS_PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, audit=Event.TOKEN_CREATED,
    body=NewToken, answer=TokenWithCredentials, status=201, creates=True, is_secret=True, needs_recent=True,
    problems=(AlreadyExists, AlreadyAnswered, ApprovalRequired, CreationFrozen),
    headers={"Location": "The new token.", **SHOWS_ETAG},
)  # fmt: skip
def create_token(call: Call, body: NewToken) -> Answer:
    """Create a token and return it with its credentials. Every administrator is notified."""
    request = None
    if body.request_id is not None:
        request = find_request(body.request_id, account=call.account, actor=call.actor)
    with sent_as(expires_at="expires"):
        token, credentials = actions.create_token(
            actor=call.actor,
            account=call.account,
            name=body.name,
            expires=body.expires,
            description=body.description,
            software=body.software,
            allowed_networks=body.allowed_networks,
            limits=body.limits,
            rates=body.rates,
            report_only=body.report_only,
            request=request,
            now=call.now,
        )
    # It was never used, and was not imported.
    answer = answered(selectors.document(token, None, now=call.now), credentials)
    location = f"{call.request.path}/{token.pk}"
    return Answer(answer.document, {**answer.headers, "Location": location})


@operation(
    "GET", TOKEN_PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_TOKENS, audit=READS, answer=Token,
    headers=SHOWS_ETAG,
)  # fmt: skip
def get_token(call: Call, token_id: str) -> Answer:
    """Return a token, without its password."""
    return token_answer(call, token_in(call, token_id))


@operation(
    "PATCH", TOKEN_PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, audit=Event.TOKEN_EDITED,
    body=TokenChanges, answer=Token, headers=SHOWS_ETAG,
    problems=(TokenNotActive, AlreadyExists, PreconditionFailed, PreconditionRequired),
)  # fmt: skip
def edit_token(call: Call, token_id: str, body: TokenChanges) -> Answer:
    """Change an active token. Needs If-Match with the ETag that you read, or with * to overwrite any change."""
    found = token_in(call, token_id)
    with transaction.atomic():
        token = actions.lock_active_token(call.actor, found, call.now)
        prove_unchanged(call.request, document_of(call, token))
        given = body.model_dump(include=body.model_fields_set)
        networks = given.get("allowed_networks", token.allowed_networks)
        limits = given.get("limits", token.limit_rules)
        report_only = given.get("report_only", token.report_only)
        if needs_recent_authentication(token, networks, limits, report_only=report_only):
            call.demand_recent_authentication()
        if "software" in given:
            given["software"] = given["software"] or ""
        edited = actions.edit_token(actor=call.actor, token=token, now=call.now, **given)
    return token_answer(call, edited)


@operation(
    "POST", TOKEN_PATH + "/allowlist-preview", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG,
    audit="A preview changes nothing.", body=Networks, answer=AllowlistPreview,
)  # fmt: skip
def preview_networks(call: Call, token_id: str, body: Networks) -> Answer:
    """Return which requests of the last 30 days an allowlist would have refused."""
    preview = preview_allowlist(
        actor=call.actor, token=token_in(call, token_id), allowed_networks=body.allowed_networks, now=call.now
    )
    return Answer(document(preview))


@operation(
    "GET", TOKEN_PATH + "/allowlist-suggestion", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG,
    audit="A suggestion changes nothing.", answer=SuggestedNetworks,
)  # fmt: skip
def suggest_allowlist(call: Call, token_id: str) -> Answer:
    """Return the smallest sensible allowlist for the requests of the last 30 days."""
    networks = suggest_networks(actor=call.actor, token=token_in(call, token_id), now=call.now)
    return Answer({"allowed_networks": networks})


@operation(
    "POST", TOKEN_PATH + "/limits-preview", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG,
    audit="A preview changes nothing.", body=LimitRules, answer=LimitsPreview,
)  # fmt: skip
def preview_limits(call: Call, token_id: str, body: LimitRules) -> Answer:
    """Return which of the newest requests of the last 30 days limits would have refused."""
    preview = limits_preview.preview_limits(
        actor=call.actor, token=token_in(call, token_id), limits=body.limits, now=call.now
    )
    return Answer(limits_preview.document(preview))


@operation(
    "GET", TOKEN_PATH + "/limits-suggestion", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG,
    audit="A suggestion changes nothing.", answer=SuggestedLimits,
)  # fmt: skip
def suggest_limits(call: Call, token_id: str) -> Answer:
    """Return limits that allow the newest requests of the last 30 days; ids in paths become a star."""
    limits = limits_preview.suggest_limits(actor=call.actor, token=token_in(call, token_id), now=call.now)
    return Answer({"limits": limits})


def token_in(call: Call, token_id: str) -> models.Token:
    """Return the account's token; raise NotFound."""
    return selectors.find_token(token_id, actor=call.actor, account=call.account)


def document_of(call: Call, token: models.Token) -> dict[str, object]:
    return selectors.documents([token], now=call.now)[0]


def token_answer(call: Call, token: models.Token, credentials: TokenCredentials | None = None) -> Answer:
    """Return the token with its entity tag, and with credentials if there are any."""
    return answered(document_of(call, token), credentials)


def answered(found: dict[str, object], credentials: TokenCredentials | None) -> Answer:
    more: dict[str, object] = {}
    if credentials is not None:
        more = {"username": credentials.username, "password": credentials.password}
    return Answer(found | more, {"ETag": etag_of(found)})


def overlap_of(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)
