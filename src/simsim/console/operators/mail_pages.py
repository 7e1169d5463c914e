"""The emails that wait and those that were given up, and sending one again."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from simsim.accounts.models import Account
from simsim.accounts.operators import retry_mail
from simsim.console.errors import sentence
from simsim.console.messages import say, warn
from simsim.console.operators.access import OperatorAccess, for_operators
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.health.installation import mail_queue
from simsim.mail.delivery_status import DeliveryState, is_withdrawn, list_mails, state_of
from simsim.mail.models import OwedMail
from simsim.mail.outbox import WITHDRAWN, can_be_retried
from simsim.problem import Conflict

PAGE_ROWS = 50
SHOWN = (DeliveryState.WAITING, DeliveryState.GIVEN_UP)


@dataclass(frozen=True)
class Row:
    """An email in the list: `account` is the name of the account that it is about, or ""."""

    mail: OwedMail
    account: str
    can_be_retried: bool
    is_withdrawn: bool

    @property
    def kind(self) -> str:
        """What the email is about, in a few words."""
        # Django and allauth write some themselves: links to choose a password.
        return _("Email about signing in") if self.mail.kind == "ready_made" else sentence_case(self.mail.kind)

    @property
    def reason(self) -> str:
        """Why the email was withdrawn."""
        return self.mail.last_error.removeprefix(WITHDRAWN)

    @property
    def is_waiting(self) -> bool:
        return state_of(self.mail) == DeliveryState.WAITING


@require_safe
@for_operators
def mails(access: OperatorAccess) -> HttpResponse:
    """Show one page of the emails in a state, newest first. Their contents are never shown."""
    asked = access.request.GET
    state = next((each for each in SHOWN if each.value == asked.get("state")), SHOWN[0])
    found, following = list_mails(state=state, limit=PAGE_ROWS, cursor=asked.get("cursor"))
    context = {
        "queue": mail_queue(access.now),
        "state": state.value,
        "rows": rows(found),
        "cursor": asked.get("cursor", ""),
        "following": following,
    }
    return access.page("mail", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_operators
def retry(access: OperatorAccess, mail_id: int) -> HttpResponse:
    """Send an email again; whoever comes here by a link is shown the list."""
    waiting, given_up = (f"{reverse('console:operator_mail')}?state={state.value}" for state in SHOWN)
    if access.request.method != "POST":
        return redirect(given_up)
    # Sending again what somebody should have received does no harm, so the form may wait for the password.
    demand_recent_authentication(access.request, keeps_form=True)
    try:
        mail = retry_mail(actor=access.actor, mail_id=mail_id, now=access.now)
    except Conflict as problem:
        warn(access.request, sentence(problem))
        return redirect(given_up)
    text = _("The worker tries to send the email to %(recipient)s within seconds.")
    say(access.request, text % {"recipient": mail.recipient})
    return redirect(waiting)


def sentence_case(name: str) -> str:
    return name.replace("_", " ").capitalize()


def rows(found: Sequence[OwedMail]) -> list[Row]:
    ids = {mail.account_id for mail in found if mail.account_id}
    names = dict(Account.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [
        Row(mail, names.get(mail.account_id, "") if mail.account_id else "", can_be_retried(mail), is_withdrawn(mail))
        for mail in found
    ]
