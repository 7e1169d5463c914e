"""Links with which the operator's own product opens the console for its customer, once and for a short time (B12)."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from simsim.accounts.actions import find_or_create_user, parse_email
from simsim.accounts.models import Account, PortalLink, PortalRole
from simsim.accounts.permissions import Actor, PortalGrant, lock_open
from simsim.accounts.portal_look import MAX_RETURN_LENGTH, origin_of
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import FieldError, Invalid, NotFound, NotPermitted, PortalLinkEnded, gettext_noop

USUAL_SECONDS = 60
MIN_SECONDS, MAX_SECONDS = 10, 600
SECRET_BYTES = 32
STEP = 900


@dataclass(frozen=True)
class NewLink:
    """A new link, whose secret can't be read again."""

    link: PortalLink
    secret: str = field(repr=False)

    @property
    def url(self) -> str:
        """The link. Its secret is in the fragment, which browsers send to no server and write into no Referer."""
        return f"{settings.OPERATOR.base_url.rstrip('/')}/portal/#{self.secret}"


@transaction.atomic
def create_portal_link(
    *,
    actor: Actor,
    account: Account,
    email: str,
    role: str,
    return_url: str,
    expires_in_seconds: int = USUAL_SECONDS,
    now: datetime,
) -> NewLink:
    """Return a link that opens the account for a person, who is created if nobody has the address.

    They get no membership: the role holds in the session that the link opens. Only the operator may do this. Raises
    Invalid with each field that breaks a rule, AccountClosed for a closed account.
    """
    if not actor.is_operator:
        raise NotPermitted
    prove(role, return_url, expires_in_seconds)
    account = lock_open(account)
    user = find_or_create_user(parse_email(email), None, now)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    expires_at = now + timedelta(seconds=expires_in_seconds)
    link = PortalLink.objects.create(
        account=account, user=user, role=role, digest=digest_of(secret), return_url=return_url, created_at=now,
        created_by_label=actor.label, expires_at=expires_at,
    )  # fmt: skip
    details: dict[str, object] = {
        "email": user.email,
        "role": role,
        "expires_at": expires_at.isoformat(),
        "return_url": origin_of(return_url),
    }
    record(Event.PORTAL_LINK_CREATED, link, actor, details, now)
    return NewLink(link, secret)


@transaction.atomic
def open_portal_link(secret: str, *, now: datetime) -> PortalLink:
    """Mark the link as used and return it; raise NotFound for an unknown secret, PortalLinkEnded for an ended link.

    The caller opens the session.
    """
    found = PortalLink.objects.select_related("account", "user").filter(digest=digest_of(secret)).first()
    if found is None:
        raise NotFound
    # The condition is the lock: of two browsers at once, one changes the row.
    usable = PortalLink.objects.filter(pk=found.pk, used_at=None, expires_at__gt=now, account__closed_at=None)
    if not found.user.is_active or not usable.update(used_at=now):
        raise PortalLinkEnded
    actor = Actor(found.user.email, found.user, portal=PortalGrant(found.account_id, found.role))
    record(Event.PORTAL_OPENED, found, actor, {"email": found.user.email, "role": found.role}, now)
    return found


def prove(role: str, return_url: str, seconds: int) -> None:
    """Raise Invalid for a role, lifetime or return URL that a link can't have."""
    errors = []
    if role not in PortalRole.values:
        errors.append(FieldError("role", gettext_noop("The role is administrator, member or reader.")))
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        message = gettext_noop("A link can work for 10 to 600 seconds.")
        errors.append(FieldError("expires_in_seconds", message))
    origins = settings.PORTAL.return_origins
    if len(return_url) > MAX_RETURN_LENGTH or origin_of(return_url) not in origins:
        message = gettext_noop("The address must begin with one of the origins in SIMSIM_PORTAL_RETURN_ORIGINS.")
        errors.append(FieldError("return_url", message))
    if errors:
        raise Invalid(*errors)


def digest_of(secret: str) -> bytes:
    """Return the stored digest of a secret. It has 256 random bits, so one round is enough."""
    return hashlib.sha256(b"simsim-portal\0" + secret.encode()).digest()


def delete_ended(before: datetime) -> int:
    """Delete some of the links that ended before that time; return how many."""
    old = PortalLink.objects.filter(expires_at__lt=before).values_list("pk", flat=True)[:STEP]
    return PortalLink.objects.filter(pk__in=list(old)).delete()[0]


def record(event: Event, link: PortalLink, actor: Actor, details: dict[str, object], now: datetime) -> None:
    recorder.record(
        event, actor=actor, account_id=link.account_id, subject_id=str(link.user_id), details=details, now=now
    )
