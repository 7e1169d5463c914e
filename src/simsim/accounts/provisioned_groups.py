"""Groups of an account's identity provider, which it sends by SCIM (RFC 7644); the operator's rules give them roles."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from simsim.accounts.actions import record_account_event
from simsim.accounts.models import Account, Role
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.provider_rules import ProviderRules
from simsim.accounts.provisioned_people import parse_id, people_provisioned, role_from_groups, settle
from simsim.accounts.provisioning_models import ProvisionedGroup, ProvisionedPerson
from simsim.accounts.texts import parse_line
from simsim.audit.events import Event
from simsim.problem import FieldError, Invalid, NotFound, gettext_noop

NO_MEMBER = gettext_noop("No person with the id %(id)s is provisioned into this account.")


@dataclass(frozen=True)
class GroupFacts:
    """What the provider says of a group; `members` are the ids of provisioned people."""

    name: str
    external_id: str = ""
    members: Sequence[str] = ()


def groups_provisioned(account: Account, *, actor: Actor) -> "QuerySet[ProvisionedGroup]":
    """Return the provider's groups, in the order in which it added them."""
    permit(actor, Permission.MANAGE_PEOPLE, account)
    found = ProvisionedGroup.objects.filter(account=account).select_related("account")
    return found.prefetch_related("members__user").order_by("created_at", "id")


def find_provisioned_group(group_id: str, *, account: Account, actor: Actor) -> ProvisionedGroup:
    """Return the group with this id; raise NotFound if there is none in the account."""
    found = groups_provisioned(account, actor=actor).filter(pk=parse_id(group_id)).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def provision_group(
    *, actor: Actor, account: Account, facts: GroupFacts, rules: ProviderRules, now: datetime
) -> ProvisionedGroup:
    """Add a group, and give its members the roles that the rules name for it; raise Invalid for an unknown member."""
    permit(actor, Permission.MANAGE_PEOPLE, account)
    group = ProvisionedGroup(account=lock_open(account), created_at=now)
    store_group(group, facts, "created", actor=actor, rules=rules, now=now)
    return group


@transaction.atomic
def change_provisioned_group(
    *, actor: Actor, group: ProvisionedGroup, facts: GroupFacts, rules: ProviderRules, now: datetime
) -> ProvisionedGroup:
    """Store what the provider says of a group now, and adjust roles at once.

    Raises Invalid for an unknown member, LastAdministrator if the account would have no administrator.
    """
    account = lock_open(group.account)
    group = find_provisioned_group(str(group.pk), account=account, actor=actor)
    store_group(group, facts, "changed", actor=actor, rules=rules, now=now)
    return group


@transaction.atomic
def deprovision_group(*, actor: Actor, group: ProvisionedGroup, rules: ProviderRules, now: datetime) -> None:
    """Forget a group, and take away the roles that only it gave; raise LastAdministrator."""
    account = lock_open(group.account)
    group = find_provisioned_group(str(group.pk), account=account, actor=actor)
    members = list(group.members.select_related("user", "account"))
    name = group.name
    group.delete()
    settle_all(members, actor=actor, rules=rules, now=now)
    details: dict[str, object] = {"name": name, "act": "deleted", "removed": addresses(members)}
    record_account_event(actor, account, Event.GROUP_PROVISIONED, details, now)


def store_group(
    group: ProvisionedGroup, facts: GroupFacts, act: str, *, actor: Actor, rules: ProviderRules, now: datetime
) -> None:
    """Save the group and its members; everybody whom the change touches gets the role that their groups now give."""
    before = (
        {} if act == "created" else {person.pk: person for person in group.members.select_related("user", "account")}
    )
    after = members_named(facts.members, group.account, actor)
    named = (group.name, group.external_id)
    group.name = parse_line("displayName", facts.name)
    group.external_id = parse_line("externalId", facts.external_id, required=False)
    group.changed_at = now
    group.save()
    group.members.set(after.values())
    joined = [person for key, person in after.items() if key not in before]
    left = [person for key, person in before.items() if key not in after]
    is_renamed = named != (group.name, group.external_id)
    touched = [*before.values(), *joined] if is_renamed else [*joined, *left]
    settle_all(touched, actor=actor, rules=rules, now=now)
    if act == "created" or is_renamed or joined or left:
        details: dict[str, object] = {
            "name": group.name, "act": act, "added": addresses(joined), "removed": addresses(left),
        }  # fmt: skip
        record_account_event(actor, group.account, Event.GROUP_PROVISIONED, details, now)


def settle_all(people: Iterable[ProvisionedPerson], *, actor: Actor, rules: ProviderRules, now: datetime) -> None:
    """Give each person the role that their groups now give, new administrators first: so one is always left."""
    for person in sorted(people, key=lambda each: role_from_groups(each, rules) != Role.ADMINISTRATOR):
        settle(person, actor=actor, rules=rules, has_left_group=True, now=now)


def members_named(ids: Iterable[str], account: Account, actor: Actor) -> dict[uuid.UUID, ProvisionedPerson]:
    """Return the people with these ids, by key; raise Invalid for an id that is nobody's."""
    wanted = {key_of(text): text for text in ids}
    found = people_provisioned(account, actor=actor).in_bulk(list(wanted))
    for key, text in wanted.items():
        if key not in found:
            raise no_member(text)
    return dict(found)


def key_of(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise no_member(text) from None


def no_member(text: str) -> Invalid:
    return Invalid(FieldError("members", NO_MEMBER, {"id": text}))


def addresses(people: Iterable[ProvisionedPerson]) -> list[str]:
    return sorted(person.user.email for person in people)
