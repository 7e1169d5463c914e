"""The page that asks a signed-in person to prove who they are again, in the way in which they signed in."""

import functools
from collections.abc import Callable

from allauth.account.views import reauthenticate
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed

from simsim.accounts.recent_authentication import is_from_portal, is_signed_in_at_provider
from simsim.console.portal.pages import come_back
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.single_sign_on.pages import confirmation

View = Callable[..., HttpResponseBase]


@login_required
def confirm_it_is_you(request: HttpRequest) -> HttpResponse:
    """Ask for the password; send people who signed in at the provider back to it, because only that proof counts."""
    if is_from_portal(request):
        return come_back(request)
    if not is_signed_in_at_provider(request):
        answer: HttpResponse = reauthenticate(request)
        return answer
    return confirmation(request) if request.method in {"GET", "HEAD"} else HttpResponseNotAllowed(["GET", "HEAD"])


def proven_recently(view: View) -> View:
    """Demand a recent proof for one of allauth's pages.

    allauth's own check lets people pass who have no password and no second factor (its did_recently_reauthenticate).
    """

    @functools.wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.user.is_authenticated:
            demand_recent_authentication(request)
        return view(request, *args, **kwargs)

    return checked
