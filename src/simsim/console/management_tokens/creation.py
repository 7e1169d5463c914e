"""The form of a new management token, and its credentials in the response to the form."""

from dataclasses import dataclass, field
from typing import Self

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.management_tokens.actions import ACCOUNT_SCOPES, create_management_token
from simsim.management_tokens.models import Scope
from simsim.problem import FieldError, Invalid

# What each scope allows.
WORDS: dict[Scope, tuple[Promise, Promise]] = {
    Scope.READ: (_("Read"), _("See tokens without passwords, the log, usage and the audit trail.")),
    Scope.TOKENS: (_("Manage tokens"), _("Create, change, rotate and revoke tokens, and show their credentials.")),
    Scope.PEOPLE: (_("Manage people"), _("Invite people, change their roles and remove them.")),
}
PRESETS_DAYS = (30, 90, 180, 365)


@dataclass
class ManagementTokenForm:
    """The texts as typed; `errors` has a sentence for each invalid field."""

    name: str = ""
    expires: str = "90d"
    scopes: list[str] = field(default_factory=list)
    networks: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return the form that the browser sent."""
        return cls(
            data.get("name", ""), data.get("expires", ""), data.getlist("scopes"), data.get("allowed_networks", "")
        )

    def explain(self, problem: Invalid) -> None:
        """Set the first error of each field."""
        for error in problem.errors:
            name = error.field.partition(".")[0]
            self.errors.setdefault(name, sentence(Invalid(FieldError(name, error.message, error.params))))


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def create(access: AccountAccess) -> HttpResponse:
    """Show the form, or create the management token and show its credentials in the response: nothing keeps them."""
    demand_recent_authentication(access.request, keeps_form=True)
    if access.request.method != "POST":
        return form_page(access, ManagementTokenForm())
    form = ManagementTokenForm.read(access.request.POST)
    try:
        token, credentials = create_management_token(
            actor=access.actor,
            account=access.account,
            name=form.name,
            expires=form.expires,
            scopes=form.scopes,
            allowed_networks=form.networks.split(),
            now=access.now,
        )
    except Invalid as problem:
        form.explain(problem)
        return form_page(access, form, status=problem.status)
    context = {"account": access.account, "token": token, "credentials": credentials}
    return render(access.request, "console/management_tokens/credentials.html", context, status=201)


def form_page(access: AccountAccess, form: ManagementTokenForm, *, status: int = 200) -> HttpResponse:
    scopes = [(scope.value, *WORDS[scope], scope.value in form.scopes) for scope in ACCOUNT_SCOPES]
    context = {
        "account": access.account,
        "form": form,
        "scopes": scopes,
        "presets": [(f"{days}d", days) for days in PRESETS_DAYS],
    }
    return render(access.request, "console/management_tokens/new.html", context, status=status)
