"""Access reviews of an account: start one, decide about each row, sign it off and export it (B19)."""

from typing import Literal

from django.http import StreamingHttpResponse
from pydantic import BaseModel, ConfigDict, Field

from simsim.access_reviews import actions, documents, schedule, selectors
from simsim.access_reviews.documents import FileFormat
from simsim.access_reviews.models import AccessReview
from simsim.access_reviews.selectors import RowFilter
from simsim.accounts.permissions import Permission
from simsim.api.access_review_documents import (
    AccessReviewDocument,
    AccessReviewPage,
    KeptRows,
    ReviewRowDocument,
    ReviewRowPage,
    ReviewScheduleDocument,
)
from simsim.api.calls import Call
from simsim.api.documents import Given, ReasonName
from simsim.api.list_pages import PageQuery, page_answer
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.audit.events import Event
from simsim.pagination import oldest
from simsim.problem import AccountClosed, DecisionStands, ReviewIncomplete, ReviewSignedOff, ReviewUnderWay

TAG = "Access reviews"
PATH = "/accounts/{account_id}/access-reviews"
REVIEW = PATH + "/{review_id}"
READS = "Reading a review changes nothing."
TYPES = {FileFormat.CSV: "text/csv; charset=utf-8; header=present", FileFormat.JSON: "application/json"}
FilterName = Literal["all", "open", "never_used", "unused", "far_expiry", "people"]
FILTER = (
    "Which rows: `open` has no decision, `unused` was not used for 90 days, and `far_expiry` expires more than 90 days "
    "after the start."
)


class RowQuery(PageQuery):
    """Which rows of a review, and the page."""

    rows: FilterName = Field("all", description=FILTER)


class ReviewDecision(Given):
    """What is decided about a row."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "shorten", "expires": "30d", "note": "Until the migration"}]}
    )
    decision: Literal["keep", "shorten", "revoke"] = Field(
        description="To shorten or to revoke takes effect at once, and is for tokens only."
    )
    note: str = Field("", description="Why. At most 200 characters.")
    expires: str = Field("", description="For `shorten`: a date such as 2027-01-31, 90d, or an RFC 3339 time.")
    reason: ReasonName = Field("", description="For `revoke`.")


class RowsToKeep(Given):
    """Which undecided rows to keep."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rows": "never_used", "note": "Created last week"}]})
    rows: FilterName = Field("all", description=FILTER)
    note: str = Field("", description="Why. At most 200 characters.")


class SignOff(Given):
    """Who signs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Alice Liddell"}]})
    name: str = Field(description="The name of the person who answers for the review.")


class ReviewSchedule(Given):
    """How often a review starts by itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"every": "quarterly"}]})
    every: Literal["off", "quarterly", "half_yearly", "yearly"]


class FileQuery(BaseModel):
    """The format of the file."""

    format: Literal["csv", "json"] = Field("json", description="The fingerprint can be checked with the JSON file.")


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.MANAGE_PEOPLE, audit=READS, answer=AccessReviewPage,
)  # fmt: skip
def list_access_reviews(call: Call) -> Answer:
    """List the account's access reviews, newest first."""
    found = selectors.reviews_of(call.account, actor=call.actor)
    return page_answer(call.request, [document(call, review) for review in found], None)


@operation(
    "POST", PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, audit=Event.REVIEW_STARTED, status=201,
    answer=AccessReviewDocument, creates=True, problems=(ReviewUnderWay, AccountClosed),
)  # fmt: skip
def start_access_review(call: Call) -> Answer:
    """Start a review of every token, management token and person that has access now."""
    review = actions.start_review(actor=call.actor, account=call.account, now=call.now)
    return Answer(document(call, review))


@operation(
    "GET", REVIEW, tag=TAG, scopes=READ, permission=Permission.MANAGE_PEOPLE, audit=READS, answer=AccessReviewDocument,
)  # fmt: skip
def get_access_review(call: Call, review_id: str) -> Answer:
    """Return a review without its rows."""
    return Answer(document(call, review_in(call, review_id)))


@operation(
    "GET", REVIEW + "/rows", tag=TAG, scopes=READ, permission=Permission.MANAGE_PEOPLE, audit=READS, query=RowQuery,
    answer=ReviewRowPage,
)  # fmt: skip
def list_access_review_rows(call: Call, review_id: str, query: RowQuery) -> Answer:
    """List the rows of a review: tokens by name, then management tokens, then people."""
    rows = selectors.rows_of(review_in(call, review_id), chosen=RowFilter(query.rows), now=call.now)
    page, cursor = oldest(rows, limit=query.limit, cursor=query.cursor)
    return page_answer(call.request, [documents.row_document(row) for row in page], cursor)


@operation(
    "POST", REVIEW + "/rows/{row_id}/decision", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.REVIEW_DECIDED, body=ReviewDecision, answer=ReviewRowDocument,
    problems=(ReviewSignedOff, DecisionStands, AccountClosed),
)  # fmt: skip
def decide_access_review_row(call: Call, review_id: str, row_id: str, body: ReviewDecision) -> Answer:
    """Decide about one row. A stronger decision replaces a weaker one."""
    row = actions.decide(
        actor=call.actor, review=review_in(call, review_id), row_id=row_id, **body.model_dump(), now=call.now
    )
    return Answer(documents.row_document(row))


@operation(
    "POST", REVIEW + "/keep", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.REVIEW_ROWS_KEPT, body=RowsToKeep, answer=KeptRows, problems=(ReviewSignedOff,),
)  # fmt: skip
def keep_access_review_rows(call: Call, review_id: str, body: RowsToKeep) -> Answer:
    """Keep every undecided row that the filter chooses."""
    review, chosen = review_in(call, review_id), RowFilter(body.rows)
    kept = actions.keep_rows(actor=call.actor, review=review, chosen=chosen, note=body.note, now=call.now)
    return Answer({"kept": kept})


@operation(
    "POST", REVIEW + "/sign-off", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.REVIEW_SIGNED_OFF, body=SignOff, answer=AccessReviewDocument, needs_recent=True,
    problems=(ReviewSignedOff, ReviewIncomplete),
)  # fmt: skip
def sign_off_access_review(call: Call, review_id: str, body: SignOff) -> Answer:
    """Sign off a review in which every row is decided. Only a person can do this, not a management token."""
    review = review_in(call, review_id)
    return Answer(document(call, actions.sign_off(actor=call.actor, review=review, name=body.name, now=call.now)))


@operation(
    "GET", REVIEW + "/export", tag=TAG, scopes=READ, permission=Permission.MANAGE_PEOPLE, audit=Event.REVIEW_EXPORTED,
    query=FileQuery, answer=None, media=("application/json", "text/csv"),
)  # fmt: skip
def export_access_review(call: Call, review_id: str, query: FileQuery) -> StreamingHttpResponse:
    """Return the whole review as a file for auditors. The export is recorded."""
    form, review = FileFormat(query.format), review_in(call, review_id)
    file = actions.export_review(actor=call.actor, review=review, form=form, now=call.now)
    headers = {"Content-Disposition": f'attachment; filename="access-review-{review.started_at:%Y-%m-%d}.{form}"'}
    return StreamingHttpResponse([file], content_type=TYPES[form], headers=headers)


SCHEDULE = "/accounts/{account_id}/access-review-schedule"


@operation(
    "GET", SCHEDULE, tag=TAG, scopes=READ, permission=Permission.MANAGE_PEOPLE, answer=ReviewScheduleDocument,
    audit="Reading the schedule changes nothing.",
)  # fmt: skip
def get_access_review_schedule(call: Call) -> Answer:
    """Return how often a review starts by itself, and when the next one does."""
    return Answer(documents.schedule_document(schedule.schedule_of(call.account, actor=call.actor)))


@operation(
    "PUT", SCHEDULE, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, answer=ReviewScheduleDocument,
    audit=Event.REVIEW_SCHEDULE_CHANGED, body=ReviewSchedule, problems=(AccountClosed,),
)  # fmt: skip
def set_access_review_schedule(call: Call, body: ReviewSchedule) -> Answer:
    """Choose how often a review starts by itself. Every administrator gets an email when one starts."""
    chosen = schedule.set_schedule(actor=call.actor, account=call.account, every=body.every, now=call.now)
    return Answer(documents.schedule_document(chosen))


def review_in(call: Call, review_id: str) -> AccessReview:
    return selectors.find_review(review_id, actor=call.actor, account=call.account)


def document(call: Call, review: AccessReview) -> dict[str, object]:
    return documents.document(review, selectors.progress_of(review, now=call.now))
