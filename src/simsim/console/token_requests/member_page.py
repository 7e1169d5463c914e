"""The member's page: the administrators, the form that asks them for a token, and the answers."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone

from simsim.accounts.models import Account, User
from simsim.accounts.permissions import Actor, administrators
from simsim.console.error_summary import SummaryError, errors_in_order
from simsim.console.navigation import account_in, navigation_of
from simsim.console.portal.session import actor_in
from simsim.tokens.hand_over_links import offers_to
from simsim.tokens.policies import policies_of
from simsim.tokens.policy_models import Retrieval
from simsim.tokens.software import offered_software
from simsim.tokens.token_requests import own_requests

REQUESTS_SHOWN = 20
CONTROL_IDS = {"name": "id_name", "purpose": "id_purpose", "software": "id_software"}


@dataclass
class AskForm:
    """The typed texts. `errors` has a sentence for each invalid field, and one under "" for the form as a whole."""

    name: str = ""
    purpose: str = ""
    software: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return the form that the browser sent."""
        return cls(data.get("name", ""), data.get("purpose", ""), data.get("software", ""))

    @property
    def refusal(self) -> str:
        """The error of the form as a whole."""
        return self.errors.get("", "")

    @property
    def problems(self) -> list[SummaryError]:
        """The fields' errors, in their order."""
        return errors_in_order(self.errors, CONTROL_IDS)

    @property
    def first_wrong(self) -> str:
        """The id of the first control with an error, which gets the focus; "" without errors."""
        return self.problems[0].control_id if self.problems else ""


def member_page(
    request: HttpRequest, status: int = HTTPStatus.FORBIDDEN, form: AskForm | None = None
) -> HttpResponse | None:
    """Return the page of a member: the administrators, and the form that asks them (R3). None for a stranger."""
    account, membership = account_in(request), navigation_of(request).membership
    if account is None or membership is None or not isinstance(request.user, User):
        return None
    context = member_context(account, actor_in(request, request.user), form)
    return render(request, "console/member.html", context, status=status)


def member_context(account: Account, actor: Actor, form: AskForm | None = None) -> dict[str, object]:
    """Return the page's context."""
    return {
        "account": account,
        "now": timezone.now(),
        "administrators": administrators(account),
        "form": form or AskForm(),
        "software": offered_software(),
        "offers": offers_to(actor, account, now=timezone.now()),
        "keeps_passwords": policies_of(account).effective.retrieval != Retrieval.OFF,
        "requests": own_requests(account, actor=actor)[:REQUESTS_SHOWN],
    }
