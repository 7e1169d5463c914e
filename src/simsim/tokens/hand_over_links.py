"""Links that show a token's credentials once: how they are made, found, listed, ended and deleted."""

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db.models import Q, QuerySet

from simsim.accounts.models import Account, User
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.audit.recorder import Recordable
from simsim.problem import NotFound
from simsim.rfc3339 import format_time
from simsim.tokens.models import HandOver, Token

SECRET_BYTES = 32
CODE_DIGITS = 6
# A member has to sign in, and often reads the email only after days.
MEMBERS_TIME = timedelta(days=7)
SHOWN = 20
STEP = 900


@dataclass(frozen=True)
class Link:
    """A new link. `code` is the code that is asked for too, "" for none. Neither can be read again."""

    hand_over: HandOver
    secret: str = field(repr=False)
    code: str = field(repr=False)

    @property
    def url(self) -> str:
        """The link. Its secret is in the fragment, which browsers send to no server and write into no Referer."""
        return f"{settings.OPERATOR.base_url.rstrip('/')}/hand-over/#{self.secret}"


def make_link(*, actor: Actor, token: Token, expires_at: datetime, with_code: bool, now: datetime) -> Link:
    """Store a link for whoever has its secret. The caller has checked permission and locked the account."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}" if with_code else ""
    hand_over = HandOver.objects.create(
        token=token,
        digest=digest_of(secret),
        code=make_password(code) if code else "",
        created_at=now,
        created_by=actor.user,
        created_by_label=actor.label,
        expires_at=expires_at,
    )
    record(
        Event.HAND_OVER_CREATED, hand_over, actor, {"expires_at": expires_at.isoformat(), "second_word": with_code}, now
    )
    return Link(hand_over, secret, code)


def offer_to_member(*, actor: Actor, token: Token, recipient: User, now: datetime) -> HandOver:
    """Store a hand-over to a member, who has to sign in to use it. The caller has checked permission."""
    hand_over = HandOver.objects.create(
        token=token,
        recipient=recipient,
        recipient_label=recipient.email,
        created_at=now,
        created_by=actor.user,
        created_by_label=actor.label,
        expires_at=now + MEMBERS_TIME,
    )
    details = {"expires_at": hand_over.expires_at.isoformat(), "recipient": recipient.email}
    record(Event.HAND_OVER_CREATED, hand_over, actor, details, now)
    return hand_over


def digest_of(secret: str) -> bytes:
    """Return what is stored of a secret. It has 256 random bits, so one round is enough."""
    return hashlib.sha256(secret.encode()).digest()


def hand_overs_of(token: Token, *, actor: Actor) -> Sequence[HandOver]:
    """Return the token's latest hand-overs, newest first; raise NotFound or NotPermitted."""
    permit(actor, Permission.MANAGE_TOKENS, token.account)
    return list(HandOver.objects.filter(token=token).order_by("-created_at", "pk")[:SHOWN])


def find_hand_over(hand_over_id: uuid.UUID | str, *, actor: Actor, token: Token) -> HandOver:
    """Return the token's hand-over with this id; raise NotFound or NotPermitted."""
    permit(actor, Permission.MANAGE_TOKENS, token.account)
    try:
        wanted = hand_over_id if isinstance(hand_over_id, uuid.UUID) else uuid.UUID(hand_over_id)
    except ValueError:
        raise NotFound from None
    found = HandOver.objects.select_related("token__account").filter(pk=wanted, token=token).first()
    if found is None:
        raise NotFound
    return found


def document(hand_over: HandOver, *, now: datetime) -> dict[str, object]:
    """Return a hand-over as JSON, without its link."""
    return {
        "id": str(hand_over.pk),
        "state": hand_over.state(now).value,
        "created_at": format_time(hand_over.created_at),
        "created_by": hand_over.created_by_label,
        "expires_at": format_time(hand_over.expires_at),
        "recipient": hand_over.recipient_label or None,
        "asks_for_code": bool(hand_over.code),
        "used_at": format_time(hand_over.used_at),
        "used_from": hand_over.used_from or None,
        "taken_back_at": format_time(hand_over.taken_back_at),
        "taken_back_by": hand_over.taken_back_by_label or None,
    }


def offers_to(actor: Actor, account: Account, *, now: datetime) -> Sequence[HandOver]:
    """Return the hand-overs that wait for this member of the account, newest first."""
    if actor.user is None:
        return []
    mine = waiting(now).filter(token__account=account, recipient=actor.user, token__revoked_at=None)
    return list(mine.filter(token__expires_at__gt=now).select_related("token").order_by("-created_at", "pk"))


def waiting(now: datetime) -> QuerySet[HandOver]:
    """Return the hand-overs that can still be used."""
    return HandOver.objects.filter(
        Q(used_at=None, taken_back_at=None, expires_at__gt=now, wrong_codes__lt=HandOver.MAX_WRONG_CODES)
    )


def take_back_all(actor: Recordable, *, now: datetime) -> int:
    """Take back every link that waits, because a restored database does not know which were used; return how many."""
    found = list(waiting(now).select_related("token"))
    for hand_over in found:
        hand_over.taken_back_at, hand_over.taken_back_by_label = now, actor.label
        hand_over.save(update_fields=["taken_back_at", "taken_back_by_label"])
        record(Event.HAND_OVER_TAKEN_BACK, hand_over, actor, {"restored": True}, now)
    return len(found)


def delete_ended(before: datetime) -> int:
    """Delete some of the hand-overs that ended before that time; return how many."""
    old = HandOver.objects.filter(expires_at__lt=before).values_list("pk", flat=True)[:STEP]
    return HandOver.objects.filter(pk__in=list(old)).delete()[0]


def record(event: Event, hand_over: HandOver, actor: Recordable, more: Mapping[str, object], now: datetime) -> None:
    token = hand_over.token
    details = {"name": token.name, "hand_over": str(hand_over.pk), **more}
    recorder.record(event, actor=actor, account_id=token.account_id, subject_id=token.pk, details=details, now=now)
