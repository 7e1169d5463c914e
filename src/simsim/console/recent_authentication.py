"""Recent authentication: a person at somebody else's open browser must not see passwords or change roles."""

from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest

from simsim.accounts.recent_authentication import is_recent


def demand_recent_authentication(request: HttpRequest, *, keeps_form: bool = False) -> None:
    """Ask for the password again if it was entered too long ago; allauth then returns to the page (ASVS 7.5.3).

    With `keeps_form`, the session keeps the sent form, without its headers, and sends it once the password is correct.
    Use it for forms that are harmless even if somebody else sent them. Other forms must be sent again.
    """
    if is_recent(request):
        return
    # A form that was kept for an earlier password prompt must not be sent when this prompt is answered.
    request.session.pop(STATE_SESSION_KEY, None)
    if request.method == "POST" and not keeps_form:
        request.method = "GET"  # allauth does not keep a GET
    for header in ("HTTP_AUTHORIZATION", "HTTP_COOKIE"):
        request.META.pop(header, None)
    raise ReauthenticationRequired
