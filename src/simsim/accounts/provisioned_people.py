"""People whom an account's identity provider adds, changes and removes by SCIM (RFC 7644), within the operator's rules.

The provider vouches for people of its own domains only: a domain belongs to an account if the operator's rules send its
people there, or let the provider's groups decide their roles in it.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import QuerySet

from simsim.accounts.actions import (
    add_membership,
    change_role,
    find_or_create_user,
    parse_email,
    record_account_event,
    remove_user,
)
from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.operators import is_operator
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.provider_rules import ProviderRules
from simsim.accounts.provisioning_models import ProvisionedPerson
from simsim.accounts.sign_in_changes import Change, report
from simsim.accounts.texts import parse_line
from simsim.audit.events import Event
from simsim.console_sessions.selectors import end_sessions
from simsim.problem import AlreadyExists, Conflict, FieldError, Invalid, NotFound, gettext_noop

OTHER_DOMAIN = gettext_noop(
    "People of %(domain)s can’t be provisioned into this account. The operator’s settings name the domains that can."
)
ALREADY = gettext_noop("%(email)s is provisioned already.")
TAKEN = gettext_noop("Somebody else has the address %(email)s.")
ELSEWHERE = gettext_noop(
    "%(email)s also belongs to another account, so the address can’t be changed from here. Ask the operator."
)


@dataclass(frozen=True)
class PersonFacts:
    """What the provider says of a person."""

    email: str
    external_id: str = ""
    display_name: str = ""
    is_active: bool = True


def people_provisioned(account: Account, *, actor: Actor) -> "QuerySet[ProvisionedPerson]":
    """Return the people whom the provider provisions into the account, in the order in which it added them."""
    permit(actor, Permission.MANAGE_PEOPLE, account)
    found = ProvisionedPerson.objects.filter(account=account).select_related("user", "account")
    return found.order_by("created_at", "id")


def find_provisioned_person(person_id: str, *, account: Account, actor: Actor) -> ProvisionedPerson:
    """Return the person with this id; raise NotFound if there is none in the account."""
    found = people_provisioned(account, actor=actor).filter(pk=parse_id(person_id)).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def provision_person(
    *, actor: Actor, account: Account, facts: PersonFacts, rules: ProviderRules, now: datetime
) -> ProvisionedPerson:
    """Add a person to the account; a person who belongs to it already keeps their place.

    Raises Invalid for an address outside the provider's domains, AlreadyExists for a person who is provisioned.
    """
    permit(actor, Permission.MANAGE_PEOPLE, account)
    account = lock_open(account)
    email = proven_address(facts.email, account, rules)
    user = find_or_create_user(email, None, now)
    if ProvisionedPerson.objects.filter(account=account, user=user).exists():
        raise AlreadyExists(ALREADY, email=email)
    person = ProvisionedPerson(account=account, user=user, created_at=now)
    store(person, facts, now)
    settle(person, actor=actor, rules=rules, now=now)
    record(actor, person, "created", now)
    return person


@transaction.atomic
def change_provisioned_person(
    *, actor: Actor, person: ProvisionedPerson, facts: PersonFacts, rules: ProviderRules, now: datetime
) -> ProvisionedPerson:
    """Store what the provider says of a person now. An inactive person loses their place in the account at once.

    Raises Invalid as in `provision_person`, AlreadyExists for somebody else's address, and LastAdministrator.
    """
    person = locked(person, actor)
    email = proven_address(facts.email, person.account, rules)
    before = facts_of(person)
    if email != person.user.email:
        change_address(person, email, actor=actor, now=now)
    store(person, facts, now)
    settle(person, actor=actor, rules=rules, now=now)
    if facts_of(person) != before:
        record(actor, person, "changed", now)
    return person


@transaction.atomic
def deprovision_person(*, actor: Actor, person: ProvisionedPerson, now: datetime) -> None:
    """Remove a person from the account, and forget what the provider said; raise LastAdministrator."""
    person = locked(person, actor)
    leave(person, actor=actor, now=now)
    record(actor, person, "deleted", now)
    person.delete()


def parse_id(text: str) -> uuid.UUID:
    """Return the id; raise NotFound for a text that can't be one."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None


def facts_of(person: ProvisionedPerson) -> PersonFacts:
    return PersonFacts(person.user.email, person.external_id, person.display_name, person.is_active)


def provisioned_groups_of(user: User) -> dict[uuid.UUID, frozenset[str]]:
    """Return for each account the names and the provider's ids of the person's groups.

    A group counts in the account whose provider sent it and in no other: another account could choose the same name.
    """
    people = ProvisionedPerson.objects.filter(user=user, is_active=True).exclude(groups=None)
    found: dict[uuid.UUID, frozenset[str]] = {}
    for account_id, *names in people.values_list("account_id", "groups__name", "groups__external_id"):
        found[account_id] = found.get(account_id, frozenset()) | frozenset(filter(None, names))
    return found


def is_turned_off(user: User, account: Account) -> bool:
    """Whether the provider has turned off the person's access to the account."""
    return ProvisionedPerson.objects.filter(user=user, account=account, is_active=False).exists()


def settle(
    person: ProvisionedPerson, *, actor: Actor, rules: ProviderRules, has_left_group: bool = False, now: datetime
) -> None:
    """Give the person the role in the account that their state and their groups ask for, or none."""
    if not person.is_active:
        leave(person, actor=actor, now=now)
        return
    user, account = person.user, person.account
    held = Membership.objects.filter(user=user, account=account).values_list("role", flat=True).first()
    role = role_from_groups(person, rules)
    if role is None:
        # Providers add people first and their groups later: only a group that they leave takes a role away.
        is_kept = held is not None and not (has_left_group and account.pk in rules.accounts_by_group)
        role = held if held is not None and is_kept else ordinary_role(person, rules)
    if held is None:
        add_membership(account, email=user.email, role=role, password=None, now=now)
        record_account_event(actor, account, Event.USER_ADDED, {"email": user.email, "role": role}, now)
    elif held != role:
        change_role(actor=actor, account=account, user=user, role=role, now=now)


def role_from_groups(person: ProvisionedPerson, rules: ProviderRules) -> str | None:
    """Return the role in the account that the person's groups give, None if they give none."""
    groups = provisioned_groups_of(person.user).get(person.account_id, frozenset())
    return rules.roles(groups).get(person.account_id)


def ordinary_role(person: ProvisionedPerson, rules: ProviderRules) -> str:
    """Return the role of somebody without a group."""
    place = rules.default_place(person.user.email)
    return place.role if place is not None and place.account_id == person.account_id else Role.MEMBER


def leave(person: ProvisionedPerson, *, actor: Actor, now: datetime) -> None:
    if Membership.objects.filter(user=person.user, account=person.account).exists():
        remove_user(actor=actor, account=person.account, user=person.user, now=now)


def change_address(person: ProvisionedPerson, email: str, *, actor: Actor, now: datetime) -> None:
    """Give the person another address, and tell the old one. People with other places here are not the provider's."""
    user = person.user
    if is_operator(user) or user.memberships.exclude(account=person.account).exists():
        raise Conflict(ELSEWHERE, email=user.email)
    if User.objects.filter(email=email).exists():
        raise AlreadyExists(TAKEN, email=email)
    report(Change.ADDRESS_CHANGED, actor=actor, user=user, name=email, now=now)
    user.email = email
    user.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    end_sessions(user.pk)


def proven_address(text: str, account: Account, rules: ProviderRules) -> str:
    """Return the address; raise Invalid unless the provider vouches for its domain in this account."""
    try:
        email = parse_email(text)
    except Invalid:
        raise Invalid(FieldError("userName", gettext_noop("This is not an email address."))) from None
    domain = email.rpartition("@")[2]
    place = rules.domains.get(domain)
    is_ours = place.account_id == account.pk if place else account.pk in rules.accounts_by_group
    if domain not in rules.domains or not is_ours:
        raise Invalid(FieldError("userName", OTHER_DOMAIN, {"domain": domain}))
    return email


def locked(person: ProvisionedPerson, actor: Actor) -> ProvisionedPerson:
    """Return the person, freshly read, with the account locked until the transaction ends; raise NotFound."""
    account = lock_open(person.account)
    return find_provisioned_person(str(person.pk), account=account, actor=actor)


def store(person: ProvisionedPerson, facts: PersonFacts, now: datetime) -> None:
    person.external_id = parse_line("externalId", facts.external_id, required=False)
    person.display_name = parse_line("displayName", facts.display_name, required=False)
    person.is_active, person.changed_at = facts.is_active, now
    person.save()


def record(actor: Actor, person: ProvisionedPerson, act: str, now: datetime) -> None:
    details: dict[str, object] = {"email": person.user.email, "act": act, "active": person.is_active}
    record_account_event(actor, person.account, Event.USER_PROVISIONED, details, now)
