"""Recent authentication: whoever finds an open browser must still know the password before seeing another one."""

import time

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest


def demand_recent_authentication(request: HttpRequest, *, keeps_form: bool = False) -> None:
    """Ask for the password again when it was typed too long ago; allauth then leads back to the page (ASVS 7.5.3).

    With `keeps_form` what was sent is kept in the session meanwhile, without its headers, and done once the password is
    right: for what does no harm when somebody else at an open browser has sent it. Otherwise the person sends it again.
    """
    if is_recent(request):
        return
    # An older form that waits must not be done when the password is typed for something else.
    request.session.pop(STATE_SESSION_KEY, None)
    if request.method == "POST" and not keeps_form:
        request.method = "GET"  # which allauth does not keep
    for header in ("HTTP_AUTHORIZATION", "HTTP_COOKIE"):
        request.META.pop(header, None)
    raise ReauthenticationRequired


def is_recent(request: HttpRequest) -> bool:
    """Whether this session proved who it is within the last minutes: by signing in, or when asked again.

    allauth counts only the second; somebody who has just signed in would type the same password twice.
    """
    records = get_authentication_records(request, request.user)
    proven_at = max((float(record["at"]) for record in records), default=0.0)
    return bool(0 <= time.time() - proven_at < app_settings.REAUTHENTICATION_TIMEOUT)
