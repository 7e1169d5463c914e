"""Errors and hints of a token's form while somebody types: fragments that htmx swaps in."""

from django.http import HttpResponse
from django.shortcuts import render

from simsim.console.account_access import AccountAccess
from simsim.console.tokens.form import TokenForm
from simsim.tokens.field_errors import faults
from simsim.tokens.field_warnings import name_caution, network_cautions
from simsim.tokens.models import Token

CHECK = "check"


def errors_while_typing(access: AccountAccess, form: TokenForm, *, token: Token | None = None) -> HttpResponse:
    """Return the fragments that replace the fields' errors; an empty fragment removes an error."""
    found = faults(
        actor=access.actor,
        account=access.account,
        name=form.name,
        expires=None if token else form.expiry,
        description=form.description,
        software=form.software,
        allowed_networks=form.networks,
        limits=form.limits.rules,
        token=token,
        now=access.now,
    )
    form.add_errors(found)
    form.drop_errors_of_empty_fields()
    form.hint(name_caution(access.account, form.name, actor=access.actor, token=token, now=access.now))
    form.hint(network_cautions(form.networks))
    context = {"form": form, "is_new": token is None}
    return render(access.request, "console/tokens/parts/errors.html", context)
