"""`simsim status`, `doctor`, `stored-data` and `mail` through the management API."""

from typing import TYPE_CHECKING, Any

from simsim.operations.output import Document
from simsim.operations.remote.tokens import document_of
from simsim.operations.remote.twins import Listed, One, Written
from simsim.operations.status_views import View, show_findings
from simsim.operations.status_views import show_status as show_views

if TYPE_CHECKING:
    from simsim.client import Simsim
    from simsim.client.generated.models import Mail

SOON = "The worker tries to send it within seconds."


def show_status(api: "Simsim", *, watch: bool) -> Written:
    def read() -> View:
        found = document_of(api.get_status())
        return View(found, found.pop("sections"))

    return Written(lambda as_json: show_views(read, watch=watch, as_json=as_json))


def examine(api: "Simsim", *, watch: bool) -> Written:
    def findings() -> list[Document]:
        return [document_of(each) for each in api.examine().items]

    return Written(lambda as_json: show_findings(findings, watch=watch, as_json=as_json))


def show_stored_data(api: "Simsim") -> One:
    return One(document_of(api.get_stored_data()))


def list_mails(api: "Simsim", *, state: Any, limit: int, cursor: str | None) -> Listed:
    page = api.list_all_emails(state=state.value if state else None, limit=limit, cursor=cursor)
    return Listed([mail_document(each) for each in page.items], page.next_cursor)


def retry_mail(api: "Simsim", *, mail_id: int) -> One:
    return One(mail_document(api.retry_email(str(mail_id))), SOON)


def mail_document(mail: "Mail") -> dict[str, Any]:
    """Return an email with its id as this command line prints it; the API has all ids as text."""
    found = document_of(mail)
    return found | {"id": int(found["id"])}
