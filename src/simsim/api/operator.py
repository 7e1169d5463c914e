"""The operator's view of the installation: its state, what an examination finds, its data, and its emails."""

from typing import Literal

from pydantic import Field

from simsim.accounts.operators import retry_mail as retry
from simsim.api.account_log import number_in
from simsim.api.calls import Call
from simsim.api.list_pages import PageQuery, page_answer
from simsim.api.operation import operation
from simsim.api.operator_documents import Examination, Mail, MailPage, Status, StoredData
from simsim.api.responses import Answer
from simsim.api.scopes import OPERATOR_ONLY
from simsim.audit.events import Event
from simsim.health import stored_data
from simsim.health.doctor.last_examination import examination
from simsim.health.sentences import sections
from simsim.health.status import document as status_document
from simsim.health.status import read_status
from simsim.mail.delivery_status import DeliveryState, list_mails
from simsim.mail.delivery_status import document as mail_document
from simsim.mail.models import OwedMail
from simsim.problem import Conflict
from simsim.rfc3339 import format_time

TAG = "Installation"
READS = "Reading the state of the installation changes nothing."


class MailQuery(PageQuery):
    """The filter of a list of emails."""

    state: Literal["waiting", "delivered", "given_up"] | None = Field(None, description="Only emails in this state.")


@operation("GET", "/status", tag=TAG, scopes=OPERATOR_ONLY, audit=READS, answer=Status)
def get_status(call: Call) -> Answer:
    """Return what runs on this node and on the others, since when, and how far it is behind."""
    found = read_status(call.now)
    return Answer(status_document(found) | {"sections": sections(found)})


@operation("GET", "/checks", tag=TAG, scopes=OPERATOR_ONLY, audit=READS, answer=Examination)
def examine(call: Call) -> Answer:
    """Return what `simsim doctor` finds on this node. An examination is at most 30 seconds old."""
    found = examination(call.now)
    items = [finding.document() for finding in found.findings]
    return Answer({"at": format_time(found.at), "ok": not found.wrong, "items": items, "next_cursor": None})


@operation("GET", "/stored-data", tag=TAG, scopes=OPERATOR_ONLY, audit=READS, answer=StoredData)
def get_stored_data(call: Call) -> Answer:  # noqa: ARG001 - it is the same for every operator
    """Return sizes, retention, key ids, the last backup and the revocation journal."""
    return Answer(stored_data.document())


@operation("GET", "/emails", tag=TAG, scopes=OPERATOR_ONLY, audit=READS, query=MailQuery, answer=MailPage)
def list_all_emails(call: Call, query: MailQuery) -> Answer:
    """List the emails of all accounts, newest first. Their contents are never shown."""
    state = DeliveryState(query.state) if query.state else None
    found, following = list_mails(state=state, limit=query.limit, cursor=query.cursor)
    return page_answer(call.request, [document(each) for each in found], following)


@operation(
    "POST", "/emails/{email_id}/retry", tag=TAG, scopes=OPERATOR_ONLY, audit=Event.MAIL_RETRIED, answer=Mail,
    problems=(Conflict,),
)  # fmt: skip
def retry_email(call: Call, email_id: str) -> Answer:
    """Send an email again, even one that was given up; if that fails, it is tried for three more days."""
    return Answer(document(retry(actor=call.actor, mail_id=number_in(email_id), now=call.now)))


def document(mail: OwedMail) -> dict[str, object]:
    return mail_document(mail) | {"id": str(mail.pk)}
