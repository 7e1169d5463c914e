"""What SCIM clients can find out about this service: its features, its resources, their attributes (RFC 7644, 4)."""

from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpResponse
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    ETag,
    Filter,
    ListResponse,
    Meta,
    Patch,
    Reference,
    Resource,
    ResourceType,
    Schema,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)

from simsim.api.scim.endpoint import MEDIA_TYPE, ScimCall
from simsim.api.scim.lists import MAX_COUNT, one
from simsim.api.scim.resources import Group, User, location
from simsim.problem import NotFound, NotPermitted

CONFIG = "ServiceProviderConfig"
PROVIDER = ScimProvider(models=[User, Group])


def service_config(call: ScimCall) -> HttpResponse:
    """Answer which features of the protocol there are."""
    schemes = [
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="The password of a management token with the scope people",
            spec_uri=Reference("https://www.rfc-editor.org/info/rfc6750"),
            primary=True,
        ),
        AuthenticationScheme(
            type=AuthenticationScheme.Type.httpbasic,
            name="HTTP Basic",
            description="The username and the password of such a management token",
            spec_uri=Reference("https://www.rfc-editor.org/info/rfc7617"),
        ),
    ]
    config = ServiceProviderConfig(
        documentation_uri=Reference(urljoin(settings.OPERATOR.base_url, "/docs/operators/scim.html")),
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MAX_COUNT),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=False),
        authentication_schemes=schemes,
        meta=Meta(resource_type=CONFIG, location=location(CONFIG)),
    )
    return one(call, config, context=Context.RESOURCE_QUERY_RESPONSE)


def list_resource_types(call: ScimCall) -> HttpResponse:
    """Answer which resources there are."""
    return everything(call, resource_types(), ResourceType)


def show_resource_type(call: ScimCall, name: str) -> HttpResponse:
    """Answer one kind of resource."""
    return one(call, named(resource_types(), name), context=Context.RESOURCE_QUERY_RESPONSE)


def list_schemas(call: ScimCall) -> HttpResponse:
    """Answer which attributes each resource has."""
    return everything(call, schemas(), Schema)


def show_schema(call: ScimCall, name: str) -> HttpResponse:
    """Answer the attributes of one resource."""
    return one(call, named(schemas(), name), context=Context.RESOURCE_QUERY_RESPONSE)


def everything(call: ScimCall, found: list[Any], kind: type[Resource[Any]]) -> HttpResponse:
    """Answer all of them; a filter is refused, as RFC 7644, section 4, demands."""
    if "filter" in call.request.GET:
        raise NotPermitted
    answer = ListResponse[kind](  # type: ignore[valid-type]
        total_results=len(found), start_index=1, items_per_page=len(found), resources=found
    )
    return HttpResponse(answer.model_dump_json(scim_ctx=Context.RESOURCE_QUERY_RESPONSE), content_type=MEDIA_TYPE)


def resource_types() -> list[ResourceType]:
    return [located(each, "ResourceTypes", str(each.id)) for each in PROVIDER.resource_types]


def schemas() -> list[Schema]:
    return [located(each, "Schemas", str(each.id)) for each in PROVIDER.schemas]


def located(resource: Any, *parts: str) -> Any:
    """Return a copy that says where it stands."""
    meta = Meta(resource_type=type(resource).__name__, location=location(*parts))
    return resource.model_copy(update={"meta": meta})


def named(resources: list[Any], name: str) -> Any:
    for resource in resources:
        if str(resource.id).casefold() == name.casefold():
            return resource
    raise NotFound
