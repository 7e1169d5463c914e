"""Handing over a token: a link shows its credentials once, so that no administrator copies a password (B14)."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password
from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, actor_of, is_permitted, lock_open, permit
from simsim.audit.events import Event
from simsim.audit.recorder import LabelledActor, Recordable
from simsim.problem import (
    FieldError,
    HandOverEnded,
    HandOverPaused,
    Invalid,
    NotFound,
    Problem,
    gettext_noop,
)
from simsim.tokens import notices
from simsim.tokens.actions import lock_active_token
from simsim.tokens.hand_over_links import Link, digest_of, make_link, record
from simsim.tokens.models import HandOver, HandOverState, Status, Token
from simsim.tokens.token_credentials import (
    TokenCredentials,
    credentials_of,
    prove_password_kept,
    prove_retrievable,
)

USUAL_TIME = timedelta(days=1)
MIN_TIME, MAX_TIME = timedelta(minutes=5), timedelta(days=7)
CODE_NEEDED = gettext_noop("This link also needs the code that the person who gave it to you told you in another way.")
# The audit trail's name for whoever opened a link without a sign-in.
HOLDER = LabelledActor("holder of a hand-over link")


@dataclass(frozen=True)
class HandedOver:
    """The token and the credentials that a link has just shown."""

    token: Token
    credentials: TokenCredentials = field(repr=False)


@transaction.atomic
def hand_over_token(
    *, actor: Actor, token: Token, expires_in: timedelta = USUAL_TIME, with_code: bool = False, now: datetime
) -> Link:
    """Return a link that shows the token's credentials once, to whoever opens it and presses the button.

    `with_code` adds a code, which the link alone does not open without. Raises Invalid for a time that is not between
    MIN_TIME and MAX_TIME, TokenNotActive for an expired or revoked token, and
    RetrievalLimited or PasswordNotKept.
    """
    token = lock_active_token(actor, token, now)
    prove_retrievable(token, actor=actor)
    prove_password_kept(token)
    if not MIN_TIME <= expires_in <= MAX_TIME:
        message = gettext_noop("A link can work for 5 minutes to 7 days.")
        raise Invalid(FieldError("expires_in", message))
    return make_link(actor=actor, token=token, expires_at=now + expires_in, with_code=with_code, now=now)


@transaction.atomic
def take_back(*, actor: Actor, hand_over: HandOver, now: datetime) -> HandOver:
    """End a link that has not been used. Taking back a link that was used or has ended changes nothing."""
    permit(actor, Permission.MANAGE_TOKENS, hand_over.token.account)
    # The condition is the lock: either this or a use changes the row, never both.
    unused = HandOver.objects.filter(pk=hand_over.pk, used_at=None, taken_back_at=None, expires_at__gt=now)
    if unused.update(taken_back_at=now, taken_back_by_label=actor.label):
        record(Event.HAND_OVER_TAKEN_BACK, hand_over, actor, {}, now)
    hand_over.refresh_from_db()
    return hand_over


def open_link(secret: str, *, code: str, address: str, now: datetime) -> HandedOver:
    """Use up the link with this secret, and return the credentials.

    Raises NotFound for an unknown secret; Invalid, naming the field `code`, for a missing code or a wrong one, of which
    MAX_WRONG_CODES end the link; HandOverPaused while the token is paused; HandOverEnded if the
    link was used, was taken back or has ended, or if the token has.
    """
    found = HandOver.objects.select_related("token__account").filter(digest=digest_of(secret)).first()
    if found is None:
        raise NotFound
    return use(found, HOLDER, code=code, address=address, now=now)


def open_as_member(hand_over: HandOver, *, actor: Actor, address: str, now: datetime) -> HandedOver:
    """Use up a hand-over to this member, like `open_link`. Raises NotFound for anybody else."""
    if actor.user is None or hand_over.recipient_id != actor.user.pk:
        raise NotFound
    permit(actor, Permission.VIEW_ACCOUNT, hand_over.token.account)
    return use(hand_over, actor, code="", address=address, now=now)


def find_offer(hand_over_id: uuid.UUID, *, account: Account, actor: Actor) -> HandOver:
    """Return the hand-over to this member of the account; raise NotFound for anybody else's."""
    permit(actor, Permission.VIEW_ACCOUNT, account)
    mine = HandOver.objects.select_related("token__account").filter(token__account=account, recipient=actor.user)
    found = mine.filter(pk=hand_over_id, recipient__isnull=False).first()
    if found is None:
        raise NotFound
    return found


def use(found: HandOver, actor: Recordable, *, code: str, address: str, now: datetime) -> HandedOver:
    """Use up a link in one transaction; a wrong code is counted in it, and refused after it."""
    digits = "".join(code.split())
    # Before the transaction, because it takes a tenth of a second, and all other writers would wait.
    is_right = not found.code or check_password(digits, found.code)
    with transaction.atomic():
        account = lock_open(found.token.account)
        # Of two people at once, the second waits here for the first, and then reads that the link was used.
        fresh = HandOver.objects.select_for_update().get(pk=found.pk)
        fresh.token = Token.objects.select_related("account", "software").get(pk=fresh.token_id, account=account)
        prove_usable(fresh, now)
        if is_right:
            fresh.used_at, fresh.used_from = now, address
            fresh.save(update_fields=["used_at", "used_from"])
            record(Event.HAND_OVER_USED, fresh, actor, {"address": address, "by": fresh.created_by_label}, now)
            notices.owe_handed_over(fresh, now=now)
            return HandedOver(fresh.token, credentials_of(fresh.token))
        refusal = count_wrong_code(fresh, now) if digits else Invalid(FieldError("code", CODE_NEEDED))
    raise refusal


def prove_usable(hand_over: HandOver, now: datetime) -> None:
    """Raise HandOverEnded or HandOverPaused unless the link may show the credentials now."""
    state, status = hand_over.state(now), hand_over.token.status(now)
    if state == HandOverState.USED:
        used_at = hand_over.used_at or now
        raise HandOverEnded(
            gettext_noop(
                "It was used on %(when)s. If that was not you, tell the person who gave you the link at once: somebody"
                " else may have the password."
            ),
            when=notices.written(used_at),
        )
    if state == HandOverState.BLOCKED:
        raise HandOverEnded(gettext_noop("A wrong code was entered too often. Ask for a new link."))
    if state == HandOverState.TAKEN_BACK:
        raise HandOverEnded(gettext_noop("It was taken back. Ask the person who gave it to you."))
    if status == Status.REVOKED:
        raise HandOverEnded(gettext_noop("The token was revoked, so its password no longer works."))
    if status == Status.EXPIRED:
        raise HandOverEnded(gettext_noop("The token has expired, so its password no longer works."))
    if state == HandOverState.ENDED:
        when = notices.written(hand_over.expires_at)
        raise HandOverEnded(gettext_noop("It ended on %(when)s. Ask for a new one."), when=when)
    giver = hand_over.created_by
    if giver is None or not is_permitted(actor_of(giver), Permission.MANAGE_TOKENS, hand_over.token.account):
        raise HandOverEnded(gettext_noop("The person who made it no longer manages the token. Ask for a new one."))
    if status == Status.PAUSED:
        raise HandOverPaused


def count_wrong_code(hand_over: HandOver, now: datetime) -> Problem:
    """Count a wrong code, and return what to raise once the count is committed."""
    hand_over.wrong_codes += 1
    hand_over.save(update_fields=["wrong_codes"])
    left = HandOver.MAX_WRONG_CODES - hand_over.wrong_codes
    if left <= 0:
        record(Event.HAND_OVER_BLOCKED, hand_over, HOLDER, {}, now)
        return HandOverEnded(gettext_noop("A wrong code was entered too often. Ask for a new link."))
    message = gettext_noop("This is not the code. You can try %(left)s more times.")
    return Invalid(FieldError("code", message, {"left": str(left)}))
