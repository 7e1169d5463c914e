"""Where SCIM begins. The protocol's models take a second to load, so they load with the first request."""

from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt

ADDRESSES = "simsim.api.scim.urls"


@csrf_exempt
def entrance(request: HttpRequest, path: str) -> HttpResponse:
    """Answer a request below /scim/v2/."""
    found = resolve(f"/{path}", urlconf=ADDRESSES)
    response: HttpResponse = found.func(request, **found.kwargs)
    return response
