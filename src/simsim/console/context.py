"""What the frame of every page shows: the account that one is in, and the others that one may switch to."""

from django.http import HttpRequest


def place(request: HttpRequest) -> dict[str, object]:
    """Return what the frame shows, read only when the frame asks for it."""
    return {}
