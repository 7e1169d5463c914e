"""Invitations: an invited person belongs to the account at once and gets an email with a link."""

from datetime import datetime, timedelta
from urllib.parse import urljoin

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.urls import reverse

from simsim.accounts.actions import add_membership, locked_membership, parse_email, record_account_event
from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.audit.events import Event
from simsim.mail import outbox
from simsim.problem import AlreadyExists, TooManyInvitations, gettext_noop

MAX_PER_DAY = 100
MAX_PER_DAY_AND_ADDRESS = 5


def needs_recent_authentication(role: str) -> bool:
    """Whether inviting someone in this role requires a recently entered password.

    Otherwise, anybody who finds an administrator's browser open could invite themselves.
    """
    return role != Role.MEMBER


@transaction.atomic
def invite(*, actor: Actor, account: Account, email: str, role: str, now: datetime) -> Membership:
    """Add a person to the account and queue the invitation.

    Raises Invalid for an unusable address or role, AlreadyExists if the person already belongs to the account.
    """
    permit(actor, Permission.MANAGE_PEOPLE, account)
    # Parse first: PostgreSQL can't look for an address with U+0000 in it.
    email = parse_email(email)
    prove_not_too_many(account, email, now)
    membership = add_membership(account, email=email, role=role, password=None, now=now)
    record_account_event(actor, account, Event.USER_INVITED, {"email": membership.user.email, "role": role}, now)
    user = membership.user
    owe_invitation(actor, membership, chooses=user.last_login is None and not user.has_usable_password(), now=now)
    return membership


@transaction.atomic
def invite_again(*, actor: Actor, account: Account, user: User, now: datetime) -> Membership:
    """Queue the invitation again for a person who has not signed in yet, at most once a minute."""
    membership = locked_membership(actor, account, user)
    user, since = membership.user, membership.created_at
    if user.last_login is not None and user.last_login >= since:
        raise AlreadyExists(gettext_noop("%(email)s has signed in already."), email=membership.user.email)
    prove_not_too_many(account, user.email, now)
    if owe_invitation(actor, membership, chooses=user.last_login is None, now=now):
        details: dict[str, object] = {"email": membership.user.email, "role": membership.role, "again": True}
        record_account_event(actor, account, Event.USER_INVITED, details, now)
    return membership


def prove_not_too_many(account: Account, email: str, now: datetime) -> None:
    """Raise TooManyInvitations if an account invites too many people, or one person too often, in a day."""
    owed = outbox.owed_since(now - timedelta(days=1), kind="invited").aggregate(
        to_address=Count("pk", filter=Q(recipient=email)), of_account=Count("pk", filter=Q(account_id=account.pk))
    )
    if owed["to_address"] >= MAX_PER_DAY_AND_ADDRESS or owed["of_account"] >= MAX_PER_DAY:
        raise TooManyInvitations


def owe_invitation(actor: Actor, membership: Membership, *, chooses: bool, now: datetime) -> bool:
    """Queue the invitation; return False if one was already queued in this minute.

    With `chooses`, the link opens a page to choose a password, otherwise the sign-in page.
    """
    ends_at = now + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    return outbox.owe(
        kind="invited",
        recipient=membership.user.email,
        dedupe=f"invited:{membership.pk}:{now:%Y-%m-%dT%H:%M}",
        account_id=membership.account_id,
        facts={
            "account": membership.account.name,
            "inviter": actor.label,
            "role": membership.role,
            "chooses": chooses,
            "link": link_to_choose_a_password(membership.user) if chooses else address_of("account_login"),
            "link_ends_at": f"{ends_at:%Y-%m-%d %H:%M} UTC" if chooses else "",
            "new_link": address_of("account_reset_password"),
        },
        now=now,
    )


def link_to_choose_a_password(user: User) -> str:
    """Return allauth's secret link to choose a password: it works once, within PASSWORD_RESET_TIMEOUT."""
    key: str = default_token_generator.make_token(user)
    return address_of("account_reset_password_from_key", uidb36=user_pk_to_url_str(user), key=key)


def address_of(page: str, **arguments: str) -> str:
    """Return the address of a page on SIMSIM_BASE_URL: an email must not contain a host from a request's headers."""
    return urljoin(settings.OPERATOR.base_url, reverse(page, kwargs=arguments))
