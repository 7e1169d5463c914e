"""Messages that the next page shows once."""

from django.contrib import messages
from django.http import HttpRequest


def say(request: HttpRequest, text: str) -> None:
    """Show a message on the next page. It must contain no secret, because it is sent in a cookie."""
    messages.success(request, text)


def warn(request: HttpRequest, text: str) -> None:
    """Show a warning on the next page. It must contain no secret, because it is sent in a cookie."""
    messages.warning(request, text)
