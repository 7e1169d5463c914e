"""One token: what it is, and while it is active the form that changes what may change (R12)."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.place import Visit, address_of, for_administrators
from simsim.console.sign_in import say
from simsim.console.tokens.form import TokenForm, offered_software
from simsim.console.tokens.rows import rows
from simsim.problem import AlreadyExists, Invalid
from simsim.tokens.actions import edit_token
from simsim.tokens.models import Token
from simsim.tokens.reading import find_token


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def details(visit: Visit, token_id: uuid.UUID) -> HttpResponse:
    """Show the token; save the changes that were sent."""
    token = find_token(token_id, actor=visit.actor, account=visit.account)
    if visit.request.method != "POST":
        return token_page(visit, token, TokenForm.of(token))
    form = TokenForm.read(visit.request.POST)
    if form.rearrange(visit.request.POST.get("press", ""), address_of(visit.request)):
        return token_page(visit, token, form)
    try:
        edit_token(
            actor=visit.actor,
            token=token,
            name=form.name,
            description=form.description,
            software=form.software,
            allowed_networks=form.networks,
            now=visit.now,
        )
    except (Invalid, AlreadyExists) as problem:
        form.explain(problem)
        return token_page(visit, token, form, status=problem.status)
    say(visit.request, gettext("Your changes are saved. They hold from the next request on."))
    return redirect("console:token", visit.account.pk, token.pk)


def token_page(visit: Visit, token: Token, form: TokenForm, *, status: int = 200) -> HttpResponse:
    [row] = rows([token], now=visit.now)
    context = {
        "account": visit.account,
        "now": visit.now,
        "token": token,
        "row": row,
        "form": form,
        "software": offered_software(token.software),
        "browser_address": address_of(visit.request),
    }
    return render(visit.request, "console/tokens/token.html", context, status=status)
