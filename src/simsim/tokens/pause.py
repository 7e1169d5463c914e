"""Pausing a token, so that it stops working until it is resumed or the pause ends, and resuming it (B13)."""

import re
from datetime import datetime, timedelta

from django.db import transaction

from simsim.accounts.permissions import Actor
from simsim.accounts.texts import parse_line
from simsim.audit.events import Event
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens import notices
from simsim.tokens.actions import lock_active_token
from simsim.tokens.models import Token
from simsim.tokens.rules import MAX_LIFETIME, THERE_IS_NO_DAY, missing_day, parse_moment
from simsim.tokens.token_events import record_token_event

MAX_REASON_LENGTH = 200
SPAN = re.compile(r"^([1-9][0-9]{0,4})([mh])$", re.ASCII)
UNITS = {"m": "minutes", "h": "hours"}
COLUMNS = ("paused_at", "paused_until", "paused_by", "paused_by_label", "pause_reason")


@transaction.atomic
def pause_token(*, actor: Actor, token: Token, until: str = "", reason: str = "", now: datetime) -> Token:
    """Stop a token until `until`, or until somebody resumes it; its expiry and a rotation's overlap go on.

    `until` is read by `parse_end`, "" means without end. Pausing a paused token replaces the end and the reason; if
    both stay the same, nothing changes. Raises Invalid, and TokenNotActive for an expired or revoked token.
    """
    token = lock_active_token(actor, token, now)
    line = parse_line("reason", reason, required=False, longest=MAX_REASON_LENGTH)
    end = parse_end(until, now=now)
    if token.is_paused(now) and (token.paused_until, token.pause_reason) == (end, line):
        return token
    hold(token, actor=actor, end=end, reason=line, now=now)
    return token


def hold(
    token: Token, *, actor: Actor, end: datetime | None, reason: str, has_own_mail: bool = False, now: datetime
) -> None:
    """Pause a token for an actor who may do so; with `has_own_mail`, another email than the usual notice says it."""
    token.paused_at, token.paused_until, token.pause_reason = now, end, reason
    token.paused_by, token.paused_by_label = actor.user, actor.label
    token.save(update_fields=COLUMNS)
    details: dict[str, object] = {"name": token.name, "until": end.isoformat() if end else None, "reason": reason}
    record_token_event(actor, token, Event.TOKEN_PAUSED, details, now)
    notices.owe_paused(token, actor=actor, has_own_mail=has_own_mail, now=now)


@transaction.atomic
def resume_token(*, actor: Actor, token: Token, now: datetime) -> Token:
    """Let a paused token work again. Resuming a token that is not paused changes nothing.

    Raises TokenNotActive for an expired or revoked token.
    """
    token = lock_active_token(actor, token, now)
    if not token.is_paused(now):
        return token
    before = {"paused_at": token.paused_at, "paused_by": token.paused_by_label, "reason": token.pause_reason}
    clear(token)
    token.save(update_fields=COLUMNS)
    record_token_event(actor, token, Event.TOKEN_RESUMED, {"name": token.name}, now)
    notices.owe_resumed(token, before, actor=actor, now=now)
    return token


def clear(token: Token) -> None:
    """Empty the columns of the pause; the caller saves them."""
    token.paused_at = token.paused_until = token.paused_by = None
    token.paused_by_label = token.pause_reason = ""


def parse_end(text: str, *, now: datetime) -> datetime | None:
    """Return when a pause ends, or None for "": `30m`, `2h`, `7d`, a date or an RFC 3339 time with offset.

    A date means the end of that day in UTC. Raises Invalid for any other text, and for a time that is past or more than
    ten years away.
    """
    text = text.strip()
    if not text:
        return None
    if found := SPAN.match(text):
        return now + timedelta(**{UNITS[found[2]]: int(found[1])})
    if missing := missing_day(text):
        raise Invalid(FieldError("until", THERE_IS_NO_DAY, {"day": missing}))
    moment = parse_moment(text, now)
    if moment is None:
        raise Invalid(FieldError("until", gettext_noop("Give a date such as 2027-01-31, or a time such as 2h or 7d.")))
    if moment <= now:
        raise Invalid(FieldError("until", gettext_noop("This time is in the past.")))
    if moment > now + MAX_LIFETIME:
        raise Invalid(FieldError("until", gettext_noop("A pause can last at most ten years.")))
    return moment
