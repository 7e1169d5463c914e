"""Maps an identity at the OpenID Connect provider to a person: linked before, found by verified address, or new."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from simsim.accounts.actions import (
    add_membership,
    change_role,
    find_or_create_user,
    parse_email,
    record_account_event,
    remove_user,
)
from simsim.accounts.models import Account, Membership, User
from simsim.accounts.operators import is_operator
from simsim.accounts.people import memberships_of
from simsim.accounts.permissions import Actor
from simsim.accounts.provider_rules import ProviderRules
from simsim.accounts.provisioned_people import is_turned_off, provisioned_groups_of
from simsim.accounts.sign_in_changes import Change, Place, report
from simsim.audit.events import Event
from simsim.console_sessions.selectors import end_sessions
from simsim.problem import Invalid, LastAdministrator, NotPermitted, SignInRefused, gettext_noop

# The operator's rules decide, so this acts for the operator.
PROVIDER = Actor("OpenID Connect")

UNVERIFIED = gettext_noop(
    "%(name)s did not confirm that this email address is yours. Confirm it there, or ask your company’s IT department."
)
OTHER_DOMAIN = gettext_noop("Addresses of %(domain)s can’t sign in here with %(name)s.")
NO_ACCOUNT = gettext_noop(
    "%(email)s belongs to no account here. Ask an administrator of your company’s account to add you."
)
TAKEN = gettext_noop(
    "Somebody else at %(name)s already signs in as %(email)s. If the address has a new owner, ask the operator of this"
    " API."
)
TURNED_OFF = gettext_noop("Your access is turned off. Ask the operator of this API.")
TOO_MANY_GROUPS = gettext_noop(
    "%(name)s did not say which groups you are in, because there are too many. Ask your company’s IT department to send"
    " only the groups for this application."
)


@dataclass(frozen=True)
class Identity:
    """A person as the provider knows them; `groups` is None if it could not list them.

    `is_email_verified` is None if the provider does not say.
    """

    issuer: str
    subject: str
    email: str
    is_email_verified: bool | None
    groups: frozenset[str] | None
    provider_name: str


def person_of(identity: Identity, *, rules: ProviderRules, place: Place, now: datetime) -> User:
    """Return the person, created or linked if needed, with the roles that their groups give; raise SignInRefused."""
    if identity.groups is None:
        raise refused("groups", TOO_MANY_GROUPS, known_person(identity), name=identity.provider_name)
    user = known_person(identity)
    is_new = user is None
    if user is None:
        user = link_person(identity, rules=rules, place=place, now=now)
    if not user.is_active:
        raise refused("turned_off", TURNED_OFF, user)
    apply_groups(user, identity.groups, rules=rules, is_new=is_new, now=now)
    if not memberships_of(user) and not is_operator(user):
        raise refused("no_account", NO_ACCOUNT, user, email=user.email)
    return user


def known_person(identity: Identity) -> User | None:
    """Return the person who signed in with this subject before, whatever their address is now."""
    found = SocialAccount.objects.select_related("user").filter(provider=identity.issuer, uid=identity.subject).first()
    return found.user if found else None


def proven_email(identity: Identity, rules: ProviderRules) -> str:
    """Return the person's address, for which the provider vouches; raise SignInRefused."""
    try:
        email = parse_email(identity.email)
    except Invalid as problem:
        raise refused("unverified_email", UNVERIFIED, None, name=identity.provider_name) from problem
    domain = email.rpartition("@")[2]
    if domain not in rules.domains:
        raise refused("other_domain", OTHER_DOMAIN, None, domain=domain, name=identity.provider_name)
    is_verified = rules.trusts_email if identity.is_email_verified is None else identity.is_email_verified
    if not is_verified:
        # Anybody could claim somebody else's address at a provider that does not check it.
        raise refused("unverified_email", UNVERIFIED, None, name=identity.provider_name)
    return email


@transaction.atomic
def link_person(identity: Identity, *, rules: ProviderRules, place: Place, now: datetime) -> User:
    """Let the subject sign in as the person with its verified address, who is created if they have a place here.

    Raises SignInRefused for an address that does not count, and for one that another subject already signs in with.
    """
    email = proven_email(identity, rules)
    user = User.objects.select_for_update().filter(email=email).first()
    if user is None and not rules.default_place(email) and not rules.roles(identity.groups or frozenset()):
        raise refused("no_account", NO_ACCOUNT, None, email=email)
    user = user or find_or_create_user(email, None, now)
    if SocialAccount.objects.filter(provider=identity.issuer, user=user).exists():
        # The address was given to somebody new at the provider, who must not inherit the former owner's access.
        raise refused("address_taken", TAKEN, user, name=identity.provider_name, email=email)
    SocialAccount.objects.create(provider=identity.issuer, uid=identity.subject, user=user)
    report(
        Change.PROVIDER_LINKED,
        actor=PROVIDER,
        user=user,
        place=place,
        name=identity.provider_name,
        tells=user.last_login is not None,
        now=now,
    )
    return user


@transaction.atomic
def unlink_person(*, actor: Actor, user: User, now: datetime) -> int:
    """Forget the person's subjects and end their sessions; return how many were forgotten. Only the operator may."""
    if not actor.is_operator:
        raise NotPermitted
    removed = int(SocialAccount.objects.filter(user=user).delete()[0])
    if removed:
        end_sessions(user.pk)
        report(Change.PROVIDER_UNLINKED, actor=actor, user=user, now=now)
    return removed


def apply_groups(user: User, groups: frozenset[str], *, rules: ProviderRules, is_new: bool, now: datetime) -> None:
    """Give the person the roles of their groups, and take away roles that no group gives any longer.

    A new person also gets the place of their domain. In an account whose roles the groups decide, somebody without a
    group keeps the default role of their domain, or leaves.
    """
    default = rules.default_place(user.email)
    wanted: dict[uuid.UUID, str | None] = dict.fromkeys(rules.accounts_by_group, None)
    if default and (is_new or default.account_id in wanted):
        wanted[default.account_id] = default.role
    roles = rules.roles(groups)
    for account_id, sent in provisioned_groups_of(user).items():
        if role := rules.roles(groups | sent).get(account_id):
            roles[account_id] = role
    wanted |= roles
    for account_id, role in sorted(wanted.items(), key=str):
        account = Account.objects.filter(pk=account_id, closed_at=None).first()
        if account is not None:
            apply_role(user, account, role, is_default=is_new or account_id in roles, now=now)


def apply_role(user: User, account: Account, role: str | None, *, is_default: bool, now: datetime) -> None:
    """Give the person a role in an account, or none; with `is_default`, they join it. The last administrator stays."""
    held = Membership.objects.filter(user=user, account=account).values_list("role", flat=True).first()
    if held == role or (held is None and (not is_default or is_turned_off(user, account))):
        return
    try:
        if held is None and role is not None:
            join(account, user, role, now=now)
        elif role is None:
            remove_user(actor=PROVIDER, account=account, user=user, now=now)
        else:
            change_role(actor=PROVIDER, account=account, user=user, role=role, now=now)
    except LastAdministrator:
        note_kept(account, user, now=now)


@transaction.atomic
def join(account: Account, user: User, role: str, *, now: datetime) -> None:
    """Add the person to the account."""
    add_membership(account, email=user.email, role=role, password=None, now=now)
    record_account_event(PROVIDER, account, Event.USER_ADDED, {"email": user.email, "role": role}, now)


@transaction.atomic
def note_kept(account: Account, user: User, *, now: datetime) -> None:
    """Record that the last administrator keeps the role, although no group gives it."""
    record_account_event(PROVIDER, account, Event.LAST_ADMINISTRATOR_KEPT, {"email": user.email}, now)


def refused(reason: str, detail: str, user: User | None, **params: str) -> SignInRefused:
    return SignInRefused(detail, reason=reason, user_id=user.pk if user else None, **params)
