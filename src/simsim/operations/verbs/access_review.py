"""`simsim access-review`: look at everything that grants access to an account, decide, and sign the result."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one, write_parts
from simsim.operations.remote import access_reviews as remote
from simsim.operations.remote.twins import remotely

if TYPE_CHECKING:
    from simsim.access_reviews.models import AccessReview

access_reviews = typer.Typer(
    no_args_is_help=True, help="Access reviews: who holds what, and whether they still need it."
)
COLUMNS = ["id", "started_at", "due_at", "rows", "open", "signed_off_at", "signed_off_name"]
ROW_COLUMNS = ["id", "kind", "name", "last_used_at", "expires_at", "decision", "note"]
Account = Annotated[str, typer.Option(metavar="ID", help="The account's id.")]
As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="The administrator to act as.")]
ReviewId = Annotated[str, typer.Argument(metavar="ID", help="The review's id.")]
Note = Annotated[str, typer.Option(metavar="TEXT", help="Why.")]


class RowsName(StrEnum):
    ALL = "all"
    OPEN = "open"
    NEVER_USED = "never_used"
    UNUSED = "unused"
    FAR_EXPIRY = "far_expiry"
    PEOPLE = "people"


class DecisionName(StrEnum):
    KEEP = "keep"
    SHORTEN = "shorten"
    REVOKE = "revoke"


class EveryName(StrEnum):
    OFF = "off"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    YEARLY = "yearly"


class FormatName(StrEnum):
    CSV = "csv"
    JSON = "json"


Rows = Annotated[
    RowsName,
    typer.Option(help="Which rows: unused for 90 days, or with an expiry more than 90 days after the start."),
]


@access_reviews.command("list")
@remotely(remote.list_reviews, columns=COLUMNS)
@needs_django
def list_reviews(account: Account, as_json: AsJson = False) -> None:
    """List an account's access reviews, newest first."""
    from simsim.access_reviews.selectors import reviews_of
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    found = reviews_of(find_account(account, actor=OPERATOR), actor=OPERATOR)
    print_list([document_of(review) for review in found], COLUMNS, as_json=as_json)


@access_reviews.command("start")
@remotely(remote.start_review)
@needs_django
def start(account: Account, acting_as: As, as_json: AsJson = False) -> None:
    """Start a review of every token, management token and person that has access to an account now."""
    from django.utils import timezone

    from simsim.access_reviews.actions import start_review
    from simsim.operations.arguments import find_account, find_actor

    actor = find_actor(acting_as)
    review = start_review(actor=actor, account=find_account(account, actor=actor), now=timezone.now())
    print_one(document_of(review), as_json=as_json)


@access_reviews.command("show")
@remotely(remote.show_review)
@needs_django
def show(review_id: ReviewId, as_json: AsJson = False) -> None:
    """Print a review: how many rows still need a decision, and who signed it off."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_review_for

    print_one(document_of(find_review_for(review_id, actor=OPERATOR)), as_json=as_json)


@access_reviews.command("rows")
@remotely(remote.list_rows, columns=ROW_COLUMNS)
@needs_django
def list_rows(
    review_id: ReviewId,
    rows: Rows = RowsName.ALL,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of rows.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the rows of a review with their decisions."""
    from django.utils import timezone

    from simsim.access_reviews.documents import row_document
    from simsim.access_reviews.selectors import RowFilter, rows_of
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_review_for
    from simsim.pagination import oldest

    review = find_review_for(review_id, actor=OPERATOR)
    chosen = rows_of(review, chosen=RowFilter(rows.value), now=timezone.now())
    page, following = oldest(chosen, limit=limit, cursor=cursor)
    print_list([row_document(row) for row in page], ROW_COLUMNS, as_json=as_json, cursor=following)


@access_reviews.command("decide")
@remotely(remote.decide)
@needs_django
def decide_row(
    *,
    review_id: ReviewId,
    row_id: Annotated[str, typer.Argument(metavar="ROW", help="The row's id.")],
    acting_as: As,
    decision: Annotated[DecisionName, typer.Option(help="To shorten or to revoke takes effect at once.")],
    note: Note = "",
    expires: Annotated[str, typer.Option(metavar="WHEN", help="To shorten: a date, or a number of days: 30d.")] = "",
    reason: Annotated[str, typer.Option(metavar="REASON", help="To revoke: the reason.")] = "",
    as_json: AsJson = False,
) -> None:
    """Decide about one row of a review. People and management tokens can only be kept here."""
    from django.utils import timezone

    from simsim.access_reviews.actions import decide
    from simsim.access_reviews.documents import row_document
    from simsim.operations.arguments import find_actor, find_review_for

    actor = find_actor(acting_as)
    row = decide(
        actor=actor,
        review=find_review_for(review_id, actor=actor),
        row_id=row_id,
        decision=decision.value,
        note=note,
        expires=expires,
        reason=reason,
        now=timezone.now(),
    )
    print_one(row_document(row), as_json=as_json)


@access_reviews.command("keep")
@remotely(remote.keep_rows)
@needs_django
def keep(
    review_id: ReviewId, acting_as: As, rows: Rows = RowsName.ALL, note: Note = "", as_json: AsJson = False
) -> None:
    """Keep every row of a review that the filter chooses and that has no decision yet."""
    from django.utils import timezone

    from simsim.access_reviews.actions import keep_rows
    from simsim.access_reviews.selectors import RowFilter
    from simsim.operations.arguments import find_actor, find_review_for

    actor = find_actor(acting_as)
    review, chosen = find_review_for(review_id, actor=actor), RowFilter(rows.value)
    kept = keep_rows(actor=actor, review=review, chosen=chosen, note=note, now=timezone.now())
    print_one({"kept": kept}, as_json=as_json)


@access_reviews.command("sign-off")
@needs_django
def sign_off_review(
    review_id: ReviewId,
    acting_as: As,
    name: Annotated[str, typer.Option(metavar="TEXT", help="The name of the person who answers for the review.")],
    as_json: AsJson = False,
) -> None:
    """Sign off a review in which every row is decided. It never changes afterwards."""
    from django.utils import timezone

    from simsim.access_reviews.actions import sign_off
    from simsim.operations.arguments import find_actor, find_review_for

    actor = find_actor(acting_as)
    review = find_review_for(review_id, actor=actor)
    signed = sign_off(actor=actor, review=review, name=name, now=timezone.now())
    print_one(document_of(signed), as_json=as_json)


@access_reviews.command("export")
@remotely(remote.export_review)
@needs_django
def export(
    review_id: ReviewId,
    form: Annotated[FormatName, typer.Option("--format", help="The format of the output.")] = FormatName.JSON,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Write a review to standard output, for auditors. The export is an event of the audit trail."""
    from django.utils import timezone

    from simsim.access_reviews.actions import export_review
    from simsim.access_reviews.documents import FileFormat
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_review_for

    chosen = FileFormat.JSON if as_json else FileFormat(form.value)
    review = find_review_for(review_id, actor=OPERATOR)
    write_parts([export_review(actor=OPERATOR, review=review, form=chosen, now=timezone.now())])


@access_reviews.command("check")
@remotely(remote.check_file)
@needs_django
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The JSON file of a review.", exists=True, dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Prove that an exported JSON file is the review that was signed off, as the audit trail recorded it."""
    from simsim.access_reviews.fingerprint import proven_file
    from simsim.access_reviews.selectors import fingerprint_at_sign_off
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_review_for

    def recorded(review_id: str) -> str:
        return fingerprint_at_sign_off(find_review_for(review_id, actor=OPERATOR))

    print_one(proven_file(file.read_text(encoding="utf-8"), recorded), as_json=as_json)


@access_reviews.command("schedule")
@remotely(remote.show_schedule)
@needs_django
def show_schedule(account: Account, as_json: AsJson = False) -> None:
    """Print how often a review of an account starts by itself, and when the next one does."""
    from simsim.access_reviews.documents import schedule_document
    from simsim.access_reviews.schedule import schedule_of
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    print_one(schedule_document(schedule_of(find_account(account, actor=OPERATOR), actor=OPERATOR)), as_json=as_json)


@access_reviews.command("set-schedule")
@remotely(remote.set_schedule)
@needs_django
def choose_schedule(
    account: Account,
    acting_as: As,
    every: Annotated[EveryName, typer.Option(help="How often a review starts by itself.")],
    as_json: AsJson = False,
) -> None:
    """Choose how often a review of an account starts by itself. Every administrator gets an email then."""
    from django.utils import timezone

    from simsim.access_reviews.documents import schedule_document
    from simsim.access_reviews.schedule import set_schedule
    from simsim.operations.arguments import find_account, find_actor

    actor = find_actor(acting_as)
    chosen = set_schedule(
        actor=actor, account=find_account(account, actor=actor), every=every.value, now=timezone.now()
    )
    print_one(schedule_document(chosen), as_json=as_json)


def document_of(review: "AccessReview") -> dict[str, object]:
    from django.utils import timezone

    from simsim.access_reviews.documents import document
    from simsim.access_reviews.selectors import progress_of

    return document(review, progress_of(review, now=timezone.now()))
