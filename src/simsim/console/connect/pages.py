"""The pages *How to connect*, for members too: they show the username, which is not secret, and no password."""

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.accounts.permissions import Permission, is_permitted
from simsim.console.account_access import AccountAccess, for_everyone
from simsim.console.connect.postman import collection
from simsim.console.connect.recipes import ENVIRONMENT_COMMANDS, Api, Snippet, recipes
from simsim.problem import NotFound

FIRST = "curl"


def api_here() -> Api:
    """Return the API's address, as the operator configured it."""
    return Api(settings.OPERATOR.api_url, settings.OPERATOR.api_example)


@require_safe
@for_everyone
def connect(access: AccountAccess, slug: str = FIRST) -> HttpResponse:
    """Show one recipe, with links to the others; raise NotFound for an unknown recipe."""
    api, username = api_here(), str(access.account.pk)
    found = recipes(username=username, api=api)
    recipe = next((recipe for recipe in found if recipe.slug == slug), None)
    if recipe is None:
        raise NotFound
    context = {
        "account": access.account,
        "username": username,
        "api": api,
        "recipes": found,
        "recipe": recipe,
        "whole_address": Snippet(api.address),
        "environment": ENVIRONMENT_COMMANDS,
        "may_manage_tokens": is_permitted(access.actor, Permission.MANAGE_TOKENS, access.account),
        "may_view_log": is_permitted(access.actor, Permission.VIEW_LOG, access.account),
    }
    return render(access.request, "console/connect/connect.html", context)


@require_safe
@for_everyone
def postman(access: AccountAccess) -> HttpResponse:
    """Send the collection as a file to import into Postman. It contains the username, but no password."""
    api = api_here()
    document = collection(str(access.account.pk), api.base, api.example)
    answer = JsonResponse(document, json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = 'attachment; filename="simsim.postman_collection.json"'
    return answer
