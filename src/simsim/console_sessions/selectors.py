"""Lists and ends the sessions of a person, and notes that one was used."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from simsim.console_sessions.models import ConsoleSession
from simsim.console_sessions.store import SessionStore, digest_of, end_of

# Writing the time of each request would take SQLite's only write lock for every page.
NOTED_EVERY = timedelta(minutes=1)


def sessions_of(user_id: int, *, now: datetime) -> Sequence[ConsoleSession]:
    """Return the person's sessions that have not ended, the most recently used first."""
    return list(ConsoleSession.objects.filter(user_id=user_id, expire_date__gt=now).order_by("-last_used_at"))


def end_session(user_id: int, digest: str) -> bool:
    """End one session of the person; return False if they have no such session."""
    return bool(ConsoleSession.objects.filter(user_id=user_id, session_key=digest).delete()[0])


def end_sessions(user_id: int, *, keep: str | None = None) -> int:
    """End the person's sessions, except the one whose key is `keep`; return how many. The next request finds none."""
    ended = ConsoleSession.objects.filter(user_id=user_id)
    if keep:
        ended = ended.exclude(session_key=digest_of(keep))
    return ended.delete()[0]


def note_use(session: SessionStore, *, address: str, now: datetime) -> None:
    """Postpone the end of an idle session, and store when and from where it was used, at most once a minute."""
    if session.last_used_at is None or session.last_used_at > now - NOTED_EVERY:
        return
    # An update of this row only: a session that was ended a moment ago does not come back.
    ConsoleSession.objects.filter(session_key=digest_of(session.session_key or "")).update(
        last_used_at=now, expire_date=end_of(dict(session.items()), now), address=address
    )
