"""`simsim access-review` through the management API."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsim.access_reviews.fingerprint import proven_file
from simsim.operations.output import write_parts
from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import Listed, One, Written

if TYPE_CHECKING:
    from simsim.client import Simsim


def list_reviews(api: "Simsim", *, account: str | None) -> Listed:
    return Listed([document_of(each) for each in api.list_access_reviews(account_of(api, account)).items])


def start_review(api: "Simsim", *, account: str | None) -> One:
    return One(document_of(api.start_access_review(account_of(api, account))))


def show_review(api: "Simsim", *, review_id: str) -> One:
    return One(document_of(api.get_access_review(account_of(api), review_id)))


def list_rows(api: "Simsim", *, review_id: str, rows: Any, limit: int, cursor: str | None) -> Listed:
    page = api.list_access_review_rows(account_of(api), review_id, rows=rows.value, limit=limit, cursor=cursor)
    return Listed([document_of(each) for each in page.items], page.next_cursor)


def decide(api: "Simsim", *, review_id: str, row_id: str, decision: Any, **options: Any) -> One:
    row = api.decide_access_review_row(account_of(api), review_id, row_id, decision=decision.value, **options)
    return One(document_of(row))


def keep_rows(api: "Simsim", *, review_id: str, rows: Any, note: str) -> One:
    return One(document_of(api.keep_access_review_rows(account_of(api), review_id, rows=rows.value, note=note)))


def export_review(api: "Simsim", *, review_id: str, form: Any) -> Written:
    where = account_of(api)

    def write(as_json: bool) -> None:
        wanted: Any = "json" if as_json else form.value
        with api.export_access_review(where, review_id, format=wanted) as parts:
            write_parts(parts)

    return Written(write)


def show_schedule(api: "Simsim", *, account: str | None) -> One:
    return One(document_of(api.get_access_review_schedule(account_of(api, account))))


def set_schedule(api: "Simsim", *, account: str | None, every: Any) -> One:
    return One(document_of(api.set_access_review_schedule(account_of(api, account), every=every.value)))


def check_file(api: "Simsim", *, file: Path) -> One:
    where = account_of(api)
    recorded = lambda review_id: api.get_access_review(where, review_id).fingerprint or ""  # noqa: E731
    return One(proven_file(file.read_text(encoding="utf-8"), recorded))
