"""Making a token, and showing its credentials in the answer itself."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from simsim.accounts.permissions import Permission
from simsim.console.credentials import show
from simsim.console.token_form import TokenForm
from simsim.console.visiting import Visit, in_account
from simsim.problem import AlreadyExists, Invalid
from simsim.tokens.actions import create_token
from simsim.tokens.rules import RECOMMENDED_LIFE


@in_account(Permission.MANAGE_TOKENS, recently_authenticated=True)
def create(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the form, or create the token; what was typed is never lost."""
    if request.method != "POST":
        return ask(request, visit, TokenForm())
    form = TokenForm.typed(request.POST)
    if step := request.POST.get("step"):
        form.step(step, request)
        return ask(request, visit, form)
    try:
        token, credentials = create_token(
            actor=visit.actor,
            account=visit.account,
            name=form.name,
            expires=form.expires,
            description=form.description,
            software=form.software,
            allowed_networks=form.networks,
            now=visit.now,
        )
    except (Invalid, AlreadyExists) as problem:
        form.refuse(problem)
        return ask(request, visit, form, status=422)
    return show(request, token, credentials, is_new=True, now=visit.now)


def ask(request: HttpRequest, visit: Visit, form: TokenForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "presets": form.presets(visit.now),
        "recommended_until": visit.now + RECOMMENDED_LIFE,
        "today": visit.now,
    }
    return render(request, "console/create_token.html", context, status=status)
