"""SCIM groups: those of the identity provider that decide roles in the account."""

from django.http import HttpResponse
from scim2_models import Context, PatchOp

from simsim.accounts.provisioned_groups import (
    change_provisioned_group,
    deprovision_group,
    find_provisioned_group,
    groups_provisioned,
    provision_group,
)
from simsim.accounts.provisioning_models import ProvisionedGroup
from simsim.api.scim.endpoint import ScimCall
from simsim.api.scim.lists import one, page
from simsim.api.scim.resources import Group, group_facts, group_of

COLUMNS = frozenset({"displayname", "externalid"})


def list_groups(call: ScimCall) -> HttpResponse:
    """Answer a query for groups."""
    return page(call, groups_provisioned(call.account, actor=call.actor), group_of, Group, COLUMNS)


def add_group(call: ScimCall) -> HttpResponse:
    """Add a group, and give its members its role."""
    group = Group.model_validate(call.body(), scim_ctx=Context.RESOURCE_CREATION_REQUEST)
    made = provision_group(
        actor=call.actor, account=call.account, facts=group_facts(group), rules=call.rules, now=call.now
    )
    return one(call, group_of(made), status=201, context=Context.RESOURCE_CREATION_RESPONSE)


def show_group(call: ScimCall, group_id: str) -> HttpResponse:
    """Answer one group."""
    return one(call, group_of(found(call, group_id)), context=Context.RESOURCE_QUERY_RESPONSE)


def replace_group(call: ScimCall, group_id: str) -> HttpResponse:
    """Replace the group's name and members."""
    before = found(call, group_id)
    group = Group.model_validate(call.body(), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
    group.replace(group_of(before))
    return changed(call, before, group, Context.RESOURCE_REPLACEMENT_RESPONSE)


def patch_group(call: ScimCall, group_id: str) -> HttpResponse:
    """Add or remove members, or change the name."""
    before = found(call, group_id)
    group = group_of(before)
    PatchOp[Group].model_validate(call.body(), scim_ctx=Context.RESOURCE_PATCH_REQUEST).patch(group)
    return changed(call, before, group, Context.RESOURCE_PATCH_RESPONSE)


def remove_group(call: ScimCall, group_id: str) -> HttpResponse:
    """Remove a group, and the roles that only it gave."""
    deprovision_group(actor=call.actor, group=found(call, group_id), rules=call.rules, now=call.now)
    return HttpResponse(status=204)


def found(call: ScimCall, group_id: str) -> ProvisionedGroup:
    return find_provisioned_group(group_id, account=call.account, actor=call.actor)


def changed(call: ScimCall, before: ProvisionedGroup, group: Group, context: Context) -> HttpResponse:
    """Store the group as the client describes it, and answer with the result."""
    after = change_provisioned_group(
        actor=call.actor, group=before, facts=group_facts(group), rules=call.rules, now=call.now
    )
    return one(call, group_of(after), context=context)
