"""Rotation by the program that holds a token, where the account allows it (B2)."""

from datetime import datetime, timedelta

from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.management_problem import SelfRotationOff
from simsim.problem import RotatedMeanwhile, TokenNotActive
from simsim.tokens.actions import give_new_password
from simsim.tokens.models import Status, Token
from simsim.tokens.token_credentials import TokenCredentials

# This actor passes no permit(): the password itself is the permission.
PROGRAM = Actor("the program that uses the token")


@transaction.atomic
def rotate_own_password(
    *, token: Token, proof: bytes, overlap: timedelta, now: datetime
) -> tuple[Token, TokenCredentials]:
    """Rotate a token for the program that has proven its password, whose digest is `proof`.

    Raises SelfRotationOff if the account does not allow this, TokenNotActive, RotatedMeanwhile if the password is not
    the current one, and Invalid for an overlap outside 0 to 7 days.
    """
    account = lock_open(token.account)
    if not account.programs_may_rotate:
        raise SelfRotationOff
    fresh = Token.objects.select_related("account", "software").get(pk=token.pk)
    if fresh.status(now) != Status.ACTIVE:
        raise TokenNotActive(name=fresh.name, status=fresh.status(now))
    # Otherwise somebody who holds an old password could end the overlap of the current one.
    if bytes(fresh.digest) != proof:
        raise RotatedMeanwhile(name=fresh.name)
    return fresh, give_new_password(fresh, overlap, actor=PROGRAM, now=now)


@transaction.atomic
def let_programs_rotate(*, actor: Actor, account: Account, is_allowed: bool, now: datetime) -> Account:
    """Choose whether programs may rotate the tokens that they hold. The same choice changes nothing."""
    permit(actor, Permission.MANAGE_TOKENS, account)
    account = lock_open(account)
    if account.programs_may_rotate != is_allowed:
        account.programs_may_rotate = is_allowed
        account.save(update_fields=["programs_may_rotate"])
        recorder.record(
            Event.SELF_ROTATION_CHANGED,
            actor=actor,
            account_id=account.pk,
            subject_id=account.pk,
            details={"allowed": is_allowed},
            now=now,
        )
    return account
