"""Messages that the next page shows once."""

from django.conf import settings
from django.contrib import messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpRequest


class MessageCookie(CookieStorage):
    """Messages in a cookie that, behind TLS, no other host can set: browsers hold `__Host-` to that."""

    cookie_name = "__Host-simsim-messages" if settings.SECURE else "simsim-messages"


class Messages(FallbackStorage):
    """Stores messages in a cookie, and in the session if they are too long for it."""

    storage_classes = (MessageCookie, SessionStorage)


def say(request: HttpRequest, text: str) -> None:
    """Show a message on the next page. It must contain no secret, because it is sent in a cookie."""
    messages.success(request, text)


def warn(request: HttpRequest, text: str) -> None:
    """Show a warning on the next page. It must contain no secret, because it is sent in a cookie."""
    messages.warning(request, text)
