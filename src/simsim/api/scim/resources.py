"""What SCIM clients see of people and groups (RFC 7643): only what Simsim uses. Anything else they send is ignored."""

from typing import Annotated, Any
from urllib.parse import urljoin

from django.conf import settings
from pydantic import Field
from scim2_models import (
    URN,
    CaseExact,
    ComplexAttribute,
    GroupMembership,
    Meta,
    Mutability,
    Reference,
    Required,
    Resource,
    Uniqueness,
)

from simsim.accounts.provisioned_groups import GroupFacts
from simsim.accounts.provisioned_people import PersonFacts
from simsim.accounts.provisioning_models import ProvisionedGroup, ProvisionedPerson


class User(Resource[Any]):
    """A person who may open the account’s console."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The person’s email address, with which they sign in."""

    display_name: str | None = None
    """The person’s name."""

    active: Annotated[bool | None, Required.true] = None
    """Whether the person may open the account. False takes the access away at once."""

    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """The groups that the person is in."""


class GroupMember(ComplexAttribute):
    """A member of a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The member’s id."""

    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The member’s address in this service."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """The kind of member; only people are members."""


class Group(Resource[Any]):
    """A group of people, to which the operator’s settings may give a role."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    """The group’s name."""

    members: list[GroupMember] | None = None
    """The people in the group."""


def user_of(person: ProvisionedPerson) -> User:
    """Return the person as a SCIM client sees them."""
    groups = [
        GroupMembership(value=str(group.pk), ref=location("Groups", group.pk), display=group.name, type="direct")
        for group in person.groups.all()
    ]
    return User(
        id=str(person.pk),
        external_id=person.external_id or None,
        user_name=person.user.email,
        display_name=person.display_name or None,
        active=person.is_active,
        groups=groups or None,
        meta=meta_of(person, "User"),
    )


def person_facts(user: User) -> PersonFacts:
    """Return what a client says of a person."""
    return PersonFacts(
        user.user_name or "", user.external_id or "", user.display_name or "", is_active=bool(user.active)
    )


def group_of(group: ProvisionedGroup) -> Group:
    """Return the group as a SCIM client sees it."""
    members = [
        GroupMember(value=str(person.pk), ref=location("Users", person.pk), type="User")
        for person in group.members.all()
    ]
    return Group(
        id=str(group.pk),
        external_id=group.external_id or None,
        display_name=group.name,
        members=members or None,
        meta=meta_of(group, "Group"),
    )


def group_facts(group: Group) -> GroupFacts:
    """Return what a client says of a group."""
    members = [member.value or "" for member in group.members or ()]
    return GroupFacts(group.display_name or "", group.external_id or "", members)


def meta_of(row: ProvisionedPerson | ProvisionedGroup, kind: str) -> Meta:
    return Meta(
        resource_type=kind, created=row.created_at, last_modified=row.changed_at, location=location(f"{kind}s", row.pk)
    )


def location(*parts: object) -> Reference[Any]:
    """Return the address of a resource in this service."""
    return Reference(urljoin(settings.OPERATOR.base_url, "/scim/v2/" + "/".join(map(str, parts))))
