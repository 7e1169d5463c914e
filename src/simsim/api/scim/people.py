"""SCIM users: the people of the account whom its identity provider looks after."""

from django.http import HttpResponse
from scim2_models import Context, PatchOp

from simsim.accounts.provisioned_people import (
    change_provisioned_person,
    deprovision_person,
    find_provisioned_person,
    people_provisioned,
    provision_person,
)
from simsim.accounts.provisioning_models import ProvisionedPerson
from simsim.api.scim.endpoint import ScimCall
from simsim.api.scim.lists import one, page
from simsim.api.scim.resources import User, person_facts, user_of

COLUMNS = frozenset({"username", "externalid"})


def list_people(call: ScimCall) -> HttpResponse:
    """Answer a query for people."""
    rows = people_provisioned(call.account, actor=call.actor).prefetch_related("groups")
    return page(call, rows, user_of, User, COLUMNS)


def add_person(call: ScimCall) -> HttpResponse:
    """Add a person to the account."""
    user = user_in(call, Context.RESOURCE_CREATION_REQUEST, is_active=True)
    person = provision_person(
        actor=call.actor, account=call.account, facts=person_facts(user), rules=call.rules, now=call.now
    )
    return one(call, user_of(person), status=201, context=Context.RESOURCE_CREATION_RESPONSE)


def show_person(call: ScimCall, person_id: str) -> HttpResponse:
    """Answer one person."""
    return one(call, user_of(found(call, person_id)), context=Context.RESOURCE_QUERY_RESPONSE)


def replace_person(call: ScimCall, person_id: str) -> HttpResponse:
    """Replace what is known of a person."""
    person = found(call, person_id)
    user = user_in(call, Context.RESOURCE_REPLACEMENT_REQUEST, is_active=person.is_active)
    user.replace(user_of(person))
    return changed(call, person, user, Context.RESOURCE_REPLACEMENT_RESPONSE)


def patch_person(call: ScimCall, person_id: str) -> HttpResponse:
    """Change what a patch names, such as `active`."""
    person = found(call, person_id)
    user = user_of(person)
    PatchOp[User].model_validate(call.body(), scim_ctx=Context.RESOURCE_PATCH_REQUEST).patch(user)
    return changed(call, person, user, Context.RESOURCE_PATCH_RESPONSE)


def remove_person(call: ScimCall, person_id: str) -> HttpResponse:
    """Remove a person from the account."""
    deprovision_person(actor=call.actor, person=found(call, person_id), now=call.now)
    return HttpResponse(status=204)


def user_in(call: ScimCall, context: Context, *, is_active: bool) -> User:
    """Return the person that the body describes; `is_active` holds if it doesn't say, as some clients don't."""
    body = call.body()
    if isinstance(body, dict) and not any(name.lower() == "active" for name in body):
        body = {**body, "active": is_active}
    return User.model_validate(body, scim_ctx=context)


def found(call: ScimCall, person_id: str) -> ProvisionedPerson:
    return find_provisioned_person(person_id, account=call.account, actor=call.actor)


def changed(call: ScimCall, person: ProvisionedPerson, user: User, context: Context) -> HttpResponse:
    """Store the person as the client describes them, and answer with the result."""
    person = change_provisioned_person(
        actor=call.actor, person=person, facts=person_facts(user), rules=call.rules, now=call.now
    )
    return one(call, user_of(person), context=context)
