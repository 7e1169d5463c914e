"""The account's choice whether its administrators need a second factor."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.accounts.second_factors import administrators_without, require_second_factor
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def policy(access: AccountAccess) -> HttpResponse:
    """Show who would have to add a second factor, or turn the requirement on or off."""
    demand_recent_authentication(access.request)
    if access.request.method != "POST":
        context = {
            "account": access.account,
            "without": administrators_without(access.account, actor=access.actor),
            "myself": access.actor.user,
        }
        return render(access.request, "console/people/second_factor.html", context)
    required = access.request.POST.get("required") == "yes"
    require_second_factor(actor=access.actor, account=access.account, required=required, now=access.now)
    names = {"account": access.account.name}
    if required:
        say(access.request, gettext("Administrators of %(account)s now need a second factor.") % names)
    else:
        say(access.request, gettext("Administrators of %(account)s no longer need a second factor.") % names)
    return redirect("console:people", access.account.pk)
