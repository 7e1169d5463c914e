"""Recent authentication: whether a person has entered their password in the last few minutes."""

import time

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest


def is_recent(request: HttpRequest) -> bool:
    """Whether the password was entered in this session in the last few minutes: at sign-in, or when asked again.

    allauth counts only the latter, so people who have just signed in would have to enter the password twice.
    """
    records = get_authentication_records(request, request.user)
    proven_at = max((float(record["at"]) for record in records), default=0.0)
    return bool(0 <= time.time() - proven_at < app_settings.REAUTHENTICATION_TIMEOUT)
