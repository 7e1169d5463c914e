"""What was called with chosen tokens, for an incident (B18)."""

from typing import Literal

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from pydantic import BaseModel, ConfigDict, Field

from simsim.account_log.call_report import call_report, document, exported_report
from simsim.account_log.downloads import TYPES, from_the_loop, marked
from simsim.account_log.time_filters import parse_moment
from simsim.accounts.permissions import Permission
from simsim.api.account_log import READS, TIME
from simsim.api.calls import Call
from simsim.api.documents import AT, ID, Moment
from simsim.api.incident import TAG
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ
from simsim.api.selection_documents import SelectionFilters, filter_of
from simsim.audit.events import Event
from simsim.request_log.search.export import Format
from simsim.tokens.token_filters import TokenFilter

PATH = "/accounts/{account_id}/call-report"
MAX_ITEMS = 1000


class CallReportQuery(BaseModel):
    """The tokens, also those that have ended, and since when; every condition that is given must hold."""

    since: str | None = Field(None, description=f"Requests since then. {TIME}")
    tokens: str = Field("", max_length=40_000, description="Ids of tokens, separated by commas. At most 1,000.")
    without: str = Field("", max_length=40_000, description="Ids of tokens to leave out, separated by commas.")
    state: Literal["", "paused", "soon", "unused"] = Field("", description="As in the console’s list of tokens.")
    creator: str = Field("", description="The email address of the person who created the token.")
    software: str = Field("", description="The short name of the target software.")
    text: str = Field("", description="A part of the name, the description or the creator.")
    allows: str = Field("", description="An address that the token’s allowed networks let in.")
    used_from: str = Field("", description="A network from which the token was used within the log’s retention.")
    created_before: str | None = Field(None, description="A day, or a time with an offset.")
    created_after: str | None = Field(None, description="Created then or later.")
    used_before: str | None = Field(None, description="Last used before then, or never.")
    used_after: str | None = Field(None, description="Last used then or later.")
    stopped_at: str | None = Field(None, description="The exact time at which the tokens were stopped together.")


class CallReportExportQuery(CallReportQuery):
    """The tokens, and the format of the file."""

    format: Literal["csv", "jsonl"] = Field("csv", description="The format of the file.")


class CallGroup(BaseModel):
    """Requests with one token to one endpoint, from one address and with one status."""

    token_id: str
    token_name: str
    method: str
    endpoint: str
    address: str | None
    network: str | None = Field(description="The /24 or the /64 around the address.")
    status: int | None
    outcome: Literal["accepted", "refused", "unknown"]
    requests: int
    first_at: Moment
    last_at: Moment


class CallReportDocument(BaseModel):
    """What was called with the tokens, the most first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tokens": 1, "requests": 12, "groups": 1, "complete_since": None,
                    "items": [
                        {
                            "token_id": ID, "token_name": "Power BI", "method": "GET", "endpoint": "/api/v2/entities",
                            "address": "198.51.100.9", "network": "198.51.100.0/24", "status": 200,
                            "outcome": "accepted", "requests": 12, "first_at": AT, "last_at": AT,
                        }
                    ],
                }
            ]
        }
    )  # fmt: skip
    tokens: int = Field(description="How many tokens meet the conditions.")
    requests: int
    groups: int = Field(description="How many items there are; the answer has the first 1,000.")
    complete_since: Moment | None = Field(
        description="Older requests were not added up, because there are so many: export the report."
    )
    items: list[CallGroup]


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_LOG, audit=READS, query=CallReportQuery,
    answer=CallReportDocument,
)  # fmt: skip
def get_call_report(call: Call, query: CallReportQuery) -> Answer:
    """Return which endpoints were called with the tokens, from where, when, how often and with what status."""
    report = call_report(
        call.account, actor=call.actor, chosen=chosen_by(query), since=parse_moment("since", query.since), now=call.now
    )
    return Answer(document(report, MAX_ITEMS))


@operation(
    "GET", PATH + "/export", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG, audit=Event.LOG_EXPORTED,
    query=CallReportExportQuery, answer=None, media=("text/csv", "application/jsonl"),
)  # fmt: skip
def export_call_report(call: Call, query: CallReportExportQuery) -> StreamingHttpResponse:
    """Return the whole report as a file. The export is recorded."""
    form, since = Format(query.format), parse_moment("since", query.since)
    file = exported_report(
        call.account, actor=call.actor, chosen=chosen_by(query), since=since, form=form, now=call.now
    )  # fmt: skip
    parts = marked(file, form)
    content = from_the_loop(parts) if isinstance(call.request, ASGIRequest) else parts
    headers = {"Content-Disposition": f'attachment; filename="calls-{call.account.pk}-{call.now:%Y-%m-%d}.{form}"'}
    return StreamingHttpResponse(content, content_type=TYPES[form], headers=headers)


def chosen_by(query: CallReportQuery) -> TokenFilter:
    fields = query.model_dump(exclude={"since", "format", "tokens", "without"})
    return filter_of(SelectionFilters(**fields, tokens=ids_in(query.tokens), without=ids_in(query.without)))


def ids_in(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
