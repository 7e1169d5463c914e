"""Recent authentication: whether a person has entered their password in the last few minutes."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest

AT_PROVIDER = "openid_connect"
PORTAL = "simsim_portal"  # the mark in the session


def is_recent(request: HttpRequest) -> bool:
    """Whether the person proved who they are in this session in the last few minutes: at sign-in, or when asked again.

    allauth counts only the latter, so people who have just signed in would have to enter the password twice. It counts
    people without a password as proven; here, whoever signed in at the provider must prove it there. The provider may
    have signed them in without asking anything, so only the time counts at which it asked. In a session that the
    operator's product opened, only the opening counts.
    """
    if is_signed_in_at_provider(request):
        proofs = [float(record.get("authenticated_at") or 0) for record in records_at_provider(request)]
    else:
        proofs = [float(record["at"]) for record in get_authentication_records(request, request.user)]
    return bool(0 <= time.time() - max(proofs, default=0.0) < app_settings.REAUTHENTICATION_TIMEOUT)


def is_from_portal(request: HttpRequest) -> bool:
    """Whether the operator's own product opened this session, in which there is no proof but the link."""
    return PORTAL in request.session


def is_signed_in_at_provider(request: HttpRequest) -> bool:
    """Whether this session began at the OpenID Connect provider that is set up now."""
    return settings.PROVIDER is not None and bool(records_at_provider(request))


def records_at_provider(request: HttpRequest) -> list[dict[str, Any]]:
    issuer = settings.PROVIDER.issuer if settings.PROVIDER else None
    return [
        record
        for record in get_authentication_records(request, request.user)
        if record["method"] == AT_PROVIDER and record.get("issuer") == issuer
    ]
