"""The address of whoever calls the console or the management API, determined as the gate determines a caller's."""

from django.conf import settings
from django.http import HttpRequest

from simsim.credential.allowlist import Address
from simsim.gate.address import Located, locate


def address_of(request: HttpRequest) -> Address | None:
    """Return the client's address, None when unknown."""
    return located(request).address


def located(request: HttpRequest) -> Located:
    """Return the client's address, and the trusted proxies that reported it."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    trusted: bytes = settings.OPERATOR.trusted_networks()
    return locate(request.META.get("REMOTE_ADDR"), [forwarded] if forwarded else [], trusted)
