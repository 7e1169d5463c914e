"""The stored sessions."""

from typing import ClassVar

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models


class SessionManager(BaseSessionManager["ConsoleSession"]):
    """Rows are written by the session store only."""


class ConsoleSession(AbstractBaseSession):
    """A session: `session_key` is a digest of the key in the cookie, and `session_data` is encrypted under that key.

    `user`, `address` and `browser` are for the list of sessions; `user` is None before the sign-in.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    signed_in_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField()
    address = models.CharField(max_length=45, default="", blank=True)
    browser = models.CharField(max_length=100, default="", blank=True)

    objects: ClassVar[SessionManager] = SessionManager()

    class Meta(AbstractBaseSession.Meta):
        indexes: ClassVar = [models.Index(fields=["user", "-last_used_at"], name="sessions_of_a_user")]

    def __str__(self) -> str:
        return f"{self.browser or 'unknown browser'} from {self.address or 'an unknown address'}"

    @classmethod
    def get_session_store_class(cls) -> type:
        from simsim.console_sessions.store import SessionStore  # noqa: PLC0415 - it imports this module

        return SessionStore
