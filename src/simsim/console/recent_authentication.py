"""Recent authentication: whoever finds an open browser must still know the password before seeing another one."""

import time

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest


def demand_recent_authentication(request: HttpRequest) -> None:
    """Ask for the password again when it was typed too long ago; allauth then goes on with the request (ASVS 7.5.3).

    What a form had sent is kept in the session meanwhile, so nothing that carries a secret may come through here.
    """
    if not is_recent(request):
        raise ReauthenticationRequired


def is_recent(request: HttpRequest) -> bool:
    """Whether this session proved who it is within the last minutes: by signing in, or when asked again.

    allauth counts only the second; somebody who has just signed in would type the same password twice.
    """
    records = get_authentication_records(request, request.user)
    proven_at = max((float(record["at"]) for record in records), default=0.0)
    return bool(0 <= time.time() - proven_at < app_settings.REAUTHENTICATION_TIMEOUT)
