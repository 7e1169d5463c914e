"""One token: what is known of it, the form that changes it, and its credentials for whoever has just proven to be it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from simsim.accounts.permissions import Permission
from simsim.console.credentials import show
from simsim.console.token_form import TokenForm
from simsim.console.visiting import Visit, in_account
from simsim.problem import AlreadyExists, Invalid
from simsim.request_log.query import last_uses
from simsim.tokens.actions import edit_token, show_credentials
from simsim.tokens.models import Status, Token
from simsim.tokens.reading import find_token


@in_account(Permission.MANAGE_TOKENS)
def token(request: HttpRequest, visit: Visit, token_id: UUID) -> HttpResponse:
    """Show a token, and change it when the form is sent (R12). An ended one has no form."""
    found = find_token(token_id, actor=visit.actor, account=visit.account)
    if request.method != "POST":
        return present(request, visit, found, TokenForm.of(found))
    form = TokenForm.typed(request.POST, present=found.software)
    if step := request.POST.get("step"):
        form.step(step, request)
        return present(request, visit, found, form)
    try:
        edit_token(
            actor=visit.actor,
            token=found,
            name=form.name,
            description=form.description,
            software=form.software,
            allowed_networks=form.networks,
            now=visit.now,
        )
    except (Invalid, AlreadyExists) as problem:
        form.refuse(problem)
        return present(request, visit, found, form, status=422)
    messages.success(request, _("Your changes are saved. They apply to the next request."))
    return redirect("console:token", account_id=visit.account.pk, token_id=found.pk)


@in_account(Permission.MANAGE_TOKENS, recently_authenticated=True)
def credentials(request: HttpRequest, visit: Visit, token_id: UUID) -> HttpResponse:
    """Show username and password again (R11); only in the answer to a POST, so that no reload or link asks for them."""
    found = find_token(token_id, actor=visit.actor, account=visit.account)
    if request.method != "POST":
        return redirect("console:token", account_id=visit.account.pk, token_id=found.pk)
    shown = show_credentials(actor=visit.actor, token=found, now=visit.now)
    return show(request, found, shown, is_new=False, now=visit.now)


def present(request: HttpRequest, visit: Visit, token: Token, form: TokenForm, status: int = 200) -> HttpResponse:
    state = token.status(visit.now)
    context = {
        "token": token,
        "form": form,
        "is_active": state == Status.ACTIVE,
        "is_revoked": state == Status.REVOKED,
        "last_use": last_uses([token.pk]).get(token.pk),
        "now": visit.now,
    }
    return render(request, "console/token.html", context, status=status)
