"""A token's password: shown again, handed over, paused, revoked, rotated, and the end of an overlap."""

from datetime import timedelta

from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.documents import (
    Credentials,
    HandOver,
    NewHandOver,
    Pause,
    Revocation,
    Rotation,
    Token,
    TokenWithCredentials,
)
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import TOKENS
from simsim.api.tokens import SHOWS_ETAG, TAG, TOKEN_PATH, overlap_of, token_answer, token_in
from simsim.audit.events import Event
from simsim.problem import PasswordNotKept, RetrievalLimited, RotatedMeanwhile, TokenNotActive
from simsim.rfc3339 import format_time
from simsim.tokens import actions, hand_over, pause


@operation(
    "POST", TOKEN_PATH + "/credentials", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.TOKEN_CREDENTIALS_SHOWN, answer=Credentials, is_secret=True, needs_recent=True,
    problems=(TokenNotActive, RetrievalLimited, PasswordNotKept),
)  # fmt: skip
def show_credentials(call: Call, token_id: str) -> Answer:
    """Return the username and password of an active token. This is recorded, and others are notified."""
    shown = actions.show_credentials(actor=call.actor, token=token_in(call, token_id), now=call.now)
    return Answer({"username": shown.username, "password": shown.password})


@operation(
    "POST", TOKEN_PATH + "/revoke", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.TOKEN_REVOKED, body=Revocation, answer=Token, headers=SHOWS_ETAG,
)  # fmt: skip
def revoke_token(call: Call, token_id: str, body: Revocation) -> Answer:
    """Revoke a token permanently: once this has answered, no request with it is accepted."""
    token = actions.revoke_token(actor=call.actor, token=token_in(call, token_id), reason=body.reason, now=call.now)
    return token_answer(call, token)


@operation(
    "POST", TOKEN_PATH + "/pause", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.TOKEN_PAUSED, body=Pause, answer=Token, problems=(TokenNotActive,), headers=SHOWS_ETAG,
)  # fmt: skip
def pause_token(call: Call, token_id: str, body: Pause) -> Answer:
    """Pause a token: once this has answered, no request with it is accepted until it is resumed or the pause ends."""
    token = pause.pause_token(
        actor=call.actor, token=token_in(call, token_id), until=body.until, reason=body.reason, now=call.now
    )
    return token_answer(call, token)


@operation(
    "POST", TOKEN_PATH + "/resume", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.TOKEN_RESUMED, answer=Token, problems=(TokenNotActive,), headers=SHOWS_ETAG,
)  # fmt: skip
def resume_token(call: Call, token_id: str) -> Answer:
    """Let a paused token work again. Resuming a token that is not paused changes nothing."""
    return token_answer(call, pause.resume_token(actor=call.actor, token=token_in(call, token_id), now=call.now))


@operation(
    "POST", TOKEN_PATH + "/hand-over", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.HAND_OVER_CREATED, body=NewHandOver, answer=HandOver, status=201, creates=True, is_secret=True,
    needs_recent=True, problems=(TokenNotActive, RetrievalLimited, PasswordNotKept),
)  # fmt: skip
def hand_over_token(call: Call, token_id: str, body: NewHandOver) -> Answer:
    """Make a link that shows the token's credentials once, to whoever opens it and presses the button."""
    link = hand_over.hand_over_token(
        actor=call.actor, token=token_in(call, token_id), expires_in=timedelta(seconds=body.expires_in_seconds),
        with_code=body.with_code, now=call.now,
    )  # fmt: skip
    made = link.hand_over
    expires_at = format_time(made.expires_at)
    return Answer({"id": str(made.pk), "url": link.url, "code": link.code or None, "expires_at": expires_at})


@operation(
    "POST", TOKEN_PATH + "/rotate", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.TOKEN_ROTATED, body=Rotation, answer=TokenWithCredentials, creates=True, is_secret=True,
    needs_recent=True, problems=(TokenNotActive, RotatedMeanwhile), headers=SHOWS_ETAG,
)  # fmt: skip
def rotate_token(call: Call, token_id: str, body: Rotation) -> Answer:
    """Give a token a new password. The previous one keeps working during the overlap."""
    token, credentials = actions.rotate_token(
        actor=call.actor, token=token_in(call, token_id), overlap=overlap_of(body.overlap_seconds), now=call.now
    )
    return token_answer(call, token, credentials)


@operation(
    "POST", TOKEN_PATH + "/end-overlap", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.TOKEN_OVERLAP_ENDED, answer=Token, problems=(TokenNotActive,), headers=SHOWS_ETAG,
)  # fmt: skip
def end_overlap(call: Call, token_id: str) -> Answer:
    """Stop the previous password now. Without an overlap, nothing changes."""
    return token_answer(call, actions.end_overlap(actor=call.actor, token=token_in(call, token_id), now=call.now))
