"""The log, the usage and the audit trail of an account."""

from typing import Literal

from pydantic import BaseModel, Field

from simsim.account_log.requests import find_request, requests_of
from simsim.account_log.time_filters import parse_moment
from simsim.account_log.usage_document import usage_document
from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.list_pages import PageQuery, page_answer
from simsim.api.log_documents import AuditPage, LoggedRequest, RequestPage, Usage
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ
from simsim.audit import selectors as audit_trail
from simsim.credential.allowlist import parse_address
from simsim.pagination import MAX_ID
from simsim.problem import FieldError, Invalid, NotFound, gettext_noop
from simsim.request_log.outcome import Outcome
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import document
from simsim.request_log.short_addresses import is_short
from simsim.tokens.selectors import find_token
from simsim.tokens.software import tokens_made_for

TAG = "Log, usage and audit trail"
LOG_PATH = "/accounts/{account_id}/requests"
READS = "Reading the log changes nothing."
TIME = "A day (UTC) such as 2027-01-31, or an RFC 3339 time."


class RequestFilters(BaseModel):
    """The filters of the log, apart from its end."""

    since: str | None = Field(None, description=f"Requests since then. {TIME}")
    endpoint: str | None = Field(
        None, max_length=2048, description="A path, or the beginning of paths with a * at the end."
    )
    status: str | None = Field(None, description="A status such as 401, or a class such as 4xx.")
    token: str | None = Field(None, description="The id of a token.")
    software: str | None = Field(None, description="The short name of target software; `none` finds tokens without.")
    outcome: Literal["accepted", "refused", "unknown"] | None = Field(None, description="How the request ended.")
    address: str | None = Field(None, description="One IP address, or the network that is left of old ones.")


class LogFilterQuery(RequestFilters):
    """The filters of the log."""

    until: str | None = Field(None, description=f"Requests before this time, or through this day. {TIME}")


class LogQuery(LogFilterQuery, PageQuery):
    """The filters of the log, and the page."""


class UsageQuery(BaseModel):
    """The days to count, and how to split the requests."""

    since: str | None = Field(None, description=f"The first day; 30 days before the last one if not given. {TIME}")
    until: str | None = Field(None, description=f"The last day; today if not given. {TIME}")
    by: Literal["day", "token", "software", "endpoint", "status"] = Field(
        "day", description="How to split the requests."
    )


class AuditQuery(PageQuery):
    """The filters of the audit trail."""

    since: str | None = Field(None, description=f"Events since then. {TIME}")
    until: str | None = Field(None, description=f"Events before this time, or through this day. {TIME}")
    actor: str | None = Field(None, max_length=254, description="An email address; `operator` means the operator.")
    event: str | None = Field(None, max_length=60, description="A name such as token.created, or token.* for a group.")


@operation(
    "GET", LOG_PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_LOG, audit=READS, query=LogQuery,
    answer=RequestPage,
)  # fmt: skip
def list_requests(call: Call, query: LogQuery) -> Answer:
    """List the account's requests, newest first."""
    filters = filters_of(call, query)
    page = requests_of(call.account, actor=call.actor, filters=filters, limit=query.limit, cursor=query.cursor)
    return page_answer(call.request, [document(row) for row in page.items], page.next_cursor)


def filters_of(call: Call, query: RequestFilters) -> LogFilters:
    """Return the filters that the query describes; raise NotFound for a token, Invalid for another bad value."""
    among = None
    if query.software is not None:
        among = tokens_made_for(query.software, actor=call.actor, account=call.account)
    until = query.until if isinstance(query, LogFilterQuery) else None
    return LogFilters(
        call.account.pk,
        since=parse_moment("since", query.since),
        until=parse_moment("until", until, through=True),
        endpoint=query.endpoint,
        status=query.status,
        token_id=find_token(query.token, actor=call.actor, account=call.account).pk if query.token else None,
        among_tokens=among,
        outcome=Outcome(query.outcome) if query.outcome else None,
        address=query.address if is_short(query.address) else address_in(query.address),
    )


def address_in(text: str | None) -> str | None:
    """Return an address as the log spells it, None for None; raise Invalid for anything else."""
    if text is None:
        return None
    found = parse_address(text)
    if found is None:
        raise Invalid(FieldError("address", gettext_noop("Give one address, such as 203.0.113.9 or 2001:db8::1.")))
    return found.text


@operation(
    "GET", LOG_PATH + "/{request_id}", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG, audit=READS,
    answer=LoggedRequest,
)  # fmt: skip
def get_request(call: Call, request_id: str) -> Answer:
    """Return one logged request."""
    return Answer(document(find_request(number_in(request_id), actor=call.actor, account=call.account)))


def number_in(text: str) -> int:
    """Return the id that a path names; raise NotFound for anything that is no id."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(MAX_ID)) or int(text) > MAX_ID:
        raise NotFound
    return int(text)


@operation(
    "GET", "/accounts/{account_id}/usage", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG, audit=READS,
    query=UsageQuery, answer=Usage,
)  # fmt: skip
def get_usage(call: Call, query: UsageQuery) -> Answer:
    """Return how many requests were let in and refused, by day, token, software, endpoint or status."""
    return Answer(
        usage_document(
            call.account, actor=call.actor, since=query.since, until=query.until, by=query.by, now=call.now
        )
    )  # fmt: skip


@operation(
    "GET", "/accounts/{account_id}/audit-events", tag=TAG, scopes=READ, permission=Permission.VIEW_TRAIL,
    audit="Reading the audit trail changes nothing.", query=AuditQuery, answer=AuditPage,
)  # fmt: skip
def list_audit_events(call: Call, query: AuditQuery) -> Answer:
    """List the account's audit trail, newest first."""
    filters = audit_trail.AuditFilters(
        account_id=call.account.pk,
        since=parse_moment("since", query.since),
        until=parse_moment("until", query.until, through=True),
        actor=query.actor,
        event=query.event,
    )
    found, following = audit_trail.list_events(filters, limit=query.limit, cursor=query.cursor)
    return page_answer(call.request, [audit_trail.document(row) for row in found], following)
