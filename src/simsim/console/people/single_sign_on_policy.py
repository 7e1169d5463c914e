"""The page on which an account chooses who must use single sign-on."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.accounts.models import SingleSignOn
from simsim.accounts.recent_authentication import is_signed_in_at_provider
from simsim.accounts.single_sign_on import require_single_sign_on
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import Invalid, NotFound, SignInAtProviderFirst, gettext_noop

SAID = {
    SingleSignOn.OFF: gettext_noop("Nobody needs single sign-on for %(account)s any longer."),
    SingleSignOn.ADMINISTRATORS: gettext_noop("Administrators of %(account)s now need single sign-on."),
    SingleSignOn.EVERYONE: gettext_noop("Everyone in %(account)s now needs single sign-on."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def policy(access: AccountAccess) -> HttpResponse:
    """Show the choices, or store one. Without a provider, the page exists only for turning the requirement off."""
    if settings.PROVIDER is None and access.account.single_sign_on == SingleSignOn.OFF:
        raise NotFound
    demand_recent_authentication(access.request)
    is_at_provider = is_signed_in_at_provider(access.request)
    if access.request.method != "POST":
        return form_page(access)
    wanted = access.request.POST.get("required", "")
    try:
        require_single_sign_on(
            actor=access.actor,
            account=access.account,
            required=wanted,
            signed_in_at_provider=is_at_provider,
            now=access.now,
        )
    except (Invalid, SignInAtProviderFirst) as problem:
        return form_page(access, chosen=wanted, error=sentence(problem), status=problem.status)
    say(access.request, gettext(SAID[SingleSignOn(wanted)]) % {"account": access.account.name})
    return redirect("console:people", access.account.pk)


def form_page(access: AccountAccess, *, chosen: str = "", error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "account": access.account,
        "choices": SingleSignOn.choices,
        "chosen": chosen or access.account.single_sign_on,
        "is_at_provider": is_signed_in_at_provider(access.request),
        "error": error,
    }
    return render(access.request, "console/people/single_sign_on.html", context, status=status)
