"""The addresses that programs look for: where to change a password, and where to report a vulnerability."""

from datetime import timedelta
from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from simsim.console.errors import not_found

# RFC 9116, section 2.5.5, recommends less than a year. The page is made on each request, so it never expires.
LIFETIME = timedelta(days=90)


@require_safe
def change_password(request: HttpRequest) -> HttpResponse:
    """Redirect to the page that changes the password (W3C, A Well-Known URL for Changing Passwords)."""
    del request
    return redirect("account_change_password")


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Return the contact for vulnerabilities (RFC 9116); 404 if the operator has given none."""
    contact = settings.OPERATOR.security_contact
    if not contact:
        return not_found(request)
    lines = (
        f"Contact: {contact}",
        f"Expires: {(timezone.now() + LIFETIME).replace(microsecond=0):%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
        f"Canonical: {urljoin(settings.OPERATOR.base_url, reverse('console:security_txt'))}",
    )
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
