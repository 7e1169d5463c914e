"""Stores sessions so that the database, its journal or a backup opens none: only the cookie holds the key."""

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from simsim.console_sessions.models import ConsoleSession
from simsim.sealed_text import seal, unseal

# What the list of sessions shows; the sign-in writes it into the session.
PLACE = "simsim_place"
SIGNED_IN_AT = "simsim_signed_in_at"
STARTED_AT = "simsim_started_at"
ENDS_AT = "simsim_ends_at"
DIGEST_LENGTH = 40  # of the column: 160 bits
PURPOSE = "session"


def digest_of(key: str) -> str:
    """Return what the database stores of a key. The key has 165 random bits, so a plain hash protects it."""
    return hashlib.sha256(b"simsim-session\0" + key.encode()).hexdigest()[:DIGEST_LENGTH]


class SessionStore(DatabaseStore):
    """Django's session store, with digests for keys, encrypted data, and an end in time that no use can postpone.

    `last_used_at` is the stored time of the last use; None for a session that was not read from the database.
    """

    last_used_at: datetime | None = None

    @classmethod
    def get_model_class(cls) -> type[ConsoleSession]:
        return ConsoleSession

    def load(self) -> dict[str, Any]:
        key = self.session_key or ""
        row = ConsoleSession.objects.filter(session_key=digest_of(key), expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
            return {}
        self.last_used_at = row.last_used_at
        return self.decode(row.session_data)

    def exists(self, session_key: str | None = None) -> bool:
        return ConsoleSession.objects.filter(session_key=digest_of(session_key or "")).exists()

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            ConsoleSession.objects.filter(session_key=digest_of(key)).delete()

    def encode(self, session_dict: dict[str, Any]) -> str:
        return seal(json.dumps(session_dict, cls=DjangoJSONEncoder), secret=self.session_key or "", purpose=PURPOSE)

    def decode(self, session_data: str | bytes) -> dict[str, Any]:
        text = unseal(str(session_data), secret=self.session_key or "", purpose=PURPOSE)
        return cast("dict[str, Any]", json.loads(text)) if text else {}

    def create_model_instance(self, data: dict[str, Any]) -> ConsoleSession:
        data.setdefault(STARTED_AT, time.time())
        key = self._get_or_create_session_key()  # type: ignore[attr-defined]
        now = timezone.now()
        place = data.get(PLACE, {})
        signed_in_at = data.get(SIGNED_IN_AT)
        return ConsoleSession(
            session_key=digest_of(key),
            session_data=self.encode(data),
            expire_date=end_of(data, now),
            user_id=data.get(SESSION_KEY),
            signed_in_at=datetime.fromtimestamp(signed_in_at, UTC) if signed_in_at else None,
            last_used_at=now,
            address=place.get("address", ""),
            browser=place.get("browser", ""),
        )


def end_of(data: dict[str, Any], now: datetime) -> datetime:
    """Return when a session used now ends: after SIMSIM_SESSION_IDLE_MINUTES, or SIMSIM_SESSION_HOURS after it began.

    A session begins with the sign-in, or with the first page if nobody has signed in. A shorter one has its own end.
    """
    began_at = datetime.fromtimestamp(data.get(SIGNED_IN_AT) or data.get(STARTED_AT) or now.timestamp(), UTC)
    idle = timedelta(minutes=settings.OPERATOR.session_idle_minutes)
    ends = [now + idle, began_at + timedelta(hours=settings.OPERATOR.session_hours)]
    if ENDS_AT in data:
        ends.append(datetime.fromtimestamp(data[ENDS_AT], UTC))
    return min(ends)
