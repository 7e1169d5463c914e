"""The page *Incident*: whether new tokens can be created in the account (B18)."""

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.incident.selection_form import SelectionForm
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import Invalid
from simsim.tokens.creation_freeze import MAX_REASON_LENGTH, creation_freeze, freeze_creation, lift_freeze
from simsim.tokens.software import software_in_use

LIFT = "lift"


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def incident(access: AccountAccess) -> HttpResponse:
    """Show whether creation is frozen, freeze it, or lift the freeze."""
    if access.request.method != "POST":
        return page(access)
    if access.request.POST.get("press") == LIFT:
        # Whoever is stopped by a freeze must not end it at an unattended browser. Freezing takes nothing from anybody.
        demand_recent_authentication(access.request)
        lift_freeze(actor=access.actor, account=access.account, now=access.now)
        say(access.request, gettext("Tokens can be created again."))
        return redirect("console:incident", access.account.pk)
    reason = access.request.POST.get("reason", "")
    try:
        freeze_creation(actor=access.actor, account=access.account, reason=reason, now=access.now)
    except Invalid as problem:
        return page(access, reason=reason, problem=problem)
    say(access.request, gettext("Nobody can create tokens in this account until the freeze is lifted."))
    return redirect("console:incident", access.account.pk)


def page(access: AccountAccess, *, reason: str = "", problem: Invalid | None = None) -> HttpResponse:
    context = {
        "account": access.account,
        "freeze": creation_freeze(access.account, actor=access.actor),
        "reason": reason,
        "max_length": MAX_REASON_LENGTH,
        "form": SelectionForm.read(QueryDict()),
        "software": software_in_use(access.account),
        "error": sentence(Invalid(problem.errors[0])) if problem else "",
    }
    return render(access.request, "console/incident/incident.html", context, status=problem.status if problem else 200)
