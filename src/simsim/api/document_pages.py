"""The OpenAPI document as a file, and Swagger UI to read it and try it out, from files that we serve ourselves."""

from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from simsim.api.responses import JSON, written


@require_safe
def document_view(request: HttpRequest) -> HttpResponse:
    """Return the document; anybody may read it, because it says nothing about this installation."""
    del request
    return HttpResponse(document_bytes(), content_type=JSON)


@lru_cache(maxsize=1)
def document_bytes() -> bytes:
    from simsim.api.description import document  # noqa: PLC0415 - the addresses import this module
    from simsim.api.urls import api  # noqa: PLC0415

    return written(document(api))


@require_safe
@ensure_csrf_cookie
def reader_view(request: HttpRequest) -> HttpResponse:
    """Return the page on which people read the document and try it with their session or a management token."""
    return render(request, "api/docs.html")
