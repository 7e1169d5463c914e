"""The addresses of SCIM."""

from django.urls import path, re_path

from simsim.api.scim import discovery, groups, people
from simsim.api.scim.endpoint import methods, not_implemented, nowhere

app_name = "scim"
urlpatterns = [
    path("Users", methods(get=people.list_people, post=people.add_person), name="users"),
    path("Users/.search", methods(post=people.list_people), name="user-search"),
    path(
        "Users/<str:person_id>",
        methods(
            get=people.show_person, put=people.replace_person, patch=people.patch_person, delete=people.remove_person
        ),
        name="user",
    ),
    path("Groups", methods(get=groups.list_groups, post=groups.add_group), name="groups"),
    path("Groups/.search", methods(post=groups.list_groups), name="group-search"),
    path(
        "Groups/<str:group_id>",
        methods(get=groups.show_group, put=groups.replace_group, patch=groups.patch_group, delete=groups.remove_group),
        name="group",
    ),
    path("ServiceProviderConfig", methods(get=discovery.service_config), name="config"),
    path("ResourceTypes", methods(get=discovery.list_resource_types), name="resource-types"),
    path("ResourceTypes/<str:name>", methods(get=discovery.show_resource_type), name="resource-type"),
    path("Schemas", methods(get=discovery.list_schemas), name="schemas"),
    path("Schemas/<str:name>", methods(get=discovery.show_schema), name="schema"),
    path(".search", methods(post=not_implemented), name="search"),
    re_path(r"^.*$", methods(get=nowhere, post=nowhere, put=nowhere, patch=nowhere, delete=nowhere), name="nowhere"),
]
