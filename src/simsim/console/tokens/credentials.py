"""Username and password, shown only in the response to a POST: never in a URL, a cookie or a cache."""

import shlex
import uuid
from collections.abc import Callable, Sequence

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.connect.pages import api_here
from simsim.console.connect.recipes import recipe_for, recipes
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.tokens.details import token_page
from simsim.tokens.actions import Way, show_credentials
from simsim.tokens.models import Token
from simsim.tokens.rules import is_longer_than_recommended
from simsim.tokens.selectors import find_token
from simsim.tokens.token_credentials import TokenCredentials


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def show(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Show the credentials of an active token again (R11). A GET, such as a reload, redirects to the token."""
    return revealed(access, token_id, Way.SHOWN, lambda token, shown: token_page(access, token, credentials=shown))


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def download(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Send the credentials as a .env file; recorded like every other view of them."""
    return revealed(access, token_id, Way.DOWNLOADED, attachment)


def revealed(
    access: AccountAccess, token_id: uuid.UUID, way: Way, answer: Callable[[Token, TokenCredentials], HttpResponse]
) -> HttpResponse:
    """Return the response with the credentials, only to a POST: no link and no reload reveals a password."""
    token = find_token(token_id, actor=access.actor, account=access.account)
    if access.request.method != "POST":
        return redirect("console:token", access.account.pk, token.pk)
    demand_recent_authentication(access.request, keeps_form=True)
    return answer(token, show_credentials(actor=access.actor, token=token, way=way, now=access.now))


def attachment(token: Token, credentials: TokenCredentials) -> HttpResponse:
    """Return the .env file, named after the token."""
    name = slugify(token.name)[:60] or "token"
    disposition = {"Content-Disposition": f'attachment; filename="{name}.env"'}
    return HttpResponse(env_file(token, credentials), content_type="text/plain; charset=utf-8", headers=disposition)


def env_file(token: Token, credentials: TokenCredentials) -> str:
    """Return the file's text: variables for programs, and a warning for people."""
    about = gettext("Credentials of the token “%(name)s”. Anyone who has this file can call the API.") % {
        "name": token.name
    }
    api = api_here()
    address = "" if api.is_placeholder else f"SIMSIM_API_URL={shlex.quote(api.base)}\n"
    # Imported credentials may have any character.
    username, password = shlex.quote(credentials.username), shlex.quote(credentials.password)
    return f"# {about}\n{address}SIMSIM_USERNAME={username}\nSIMSIM_PASSWORD={password}\n"


def credentials_page(
    access: AccountAccess,
    token: Token,
    credentials: TokenCredentials,
    *,
    is_new: bool = False,
    cautions: Sequence[str] = (),
    handed_to: str = "",
) -> HttpResponse:
    """Return the page of a password that has just been created; `cautions` are warnings about the token.

    `handed_to` is the address of the member who asked for the token and can open its credentials too, "" for nobody.
    """
    context = {
        "account": access.account,
        "now": access.now,
        "token": token,
        "credentials": credentials,
        "is_new": is_new,
        "cautions": cautions,
        "handed_to": handed_to,
        "is_long": is_longer_than_recommended(token.expires_at, now=access.now),
        "opened": recipe_for(token.software.slug if token.software else None),
        "recipes": recipes(username=credentials.username, api=api_here(), password=credentials.password),
    }
    return render(access.request, "console/tokens/credentials.html", context, status=201)
