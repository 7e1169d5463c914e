"""Links with which the operator's own product opens the console for its customer."""

import uuid

from simsim.accounts.models import Account
from simsim.accounts.portal_links import create_portal_link as create_link
from simsim.api.calls import Call
from simsim.api.documents import NewPortalLink, PortalLink
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import OPERATOR_ONLY
from simsim.audit.events import Event
from simsim.problem import AccountClosed, FieldError, Invalid, gettext_noop
from simsim.rfc3339 import format_time

NO_ACCOUNT = gettext_noop("There is no account with this id.")


@operation(
    "POST", "/portal-links", tag="Portal links", scopes=OPERATOR_ONLY, audit=Event.PORTAL_LINK_CREATED,
    body=NewPortalLink, answer=PortalLink, status=201, creates=True, problems=(AccountClosed,),
)  # fmt: skip
def create_portal_link(call: Call, body: NewPortalLink) -> Answer:
    """Create a link that opens the console once, for a person in an account. Send the person there at once."""
    try:
        account = Account.objects.filter(pk=uuid.UUID(body.account_id)).first()
    except ValueError:
        account = None
    if account is None:
        raise Invalid(FieldError("account_id", NO_ACCOUNT))
    made = create_link(
        actor=call.actor, account=account, email=body.email, role=body.role, return_url=body.return_url,
        expires_in_seconds=body.expires_in_seconds, now=call.now,
    )  # fmt: skip
    return Answer({"url": made.url, "expires_at": format_time(made.link.expires_at)})
