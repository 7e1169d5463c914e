"""One token: what it is, and while it is active the form that changes what may change (R12)."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.errors import sentence
from simsim.console.place import Visit, for_administrators, located
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.sign_in import say, warn
from simsim.console.tokens import allowlist_preview
from simsim.console.tokens.form import TokenForm, offered_software
from simsim.console.tokens.live_errors import CHECK, errors_while_typing
from simsim.console.tokens.rows import rows
from simsim.credential.allowlist import parse_address
from simsim.problem import AlreadyExists, ChangedMeanwhile, Invalid
from simsim.tokens.actions import edit_token
from simsim.tokens.cautions import name_caution, network_cautions, range_notes
from simsim.tokens.models import Token
from simsim.tokens.rules import needs_recent_authentication
from simsim.tokens.selectors import find_token
from simsim.tokens.sent_notices import notices_of


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def details(visit: Visit, token_id: uuid.UUID) -> HttpResponse:
    """Show the token; save the changes that were sent, after a question where they would refuse what came until now."""
    token = find_token(token_id, actor=visit.actor, account=visit.account)
    if visit.request.method != "POST":
        return token_page(visit, token, with_address(TokenForm.of(token), visit.request.GET.get("add", "")))
    form, press = TokenForm.read(visit.request.POST), visit.request.POST.get("press", "")
    if press == CHECK:
        return errors_while_typing(visit, form, token=token)
    if form.rearrange(press, located(visit.request).address):
        return token_page(visit, token, form)
    if allowlist_preview.is_asked_for(press):
        return token_page(visit, token, form, preview=allowlist_preview.answer(visit, token, form, press))
    return edit(visit, token, form, press)


def with_address(form: TokenForm, text: str) -> TokenForm:
    """Return the form with an address added that a link names, not saved yet; an invalid address adds nothing."""
    address = parse_address(text)
    # Added to an empty list, it would refuse everybody else.
    if address is not None and form.list_text:
        form.add([address.text])
    return form


def edit(visit: Visit, token: Token, form: TokenForm, press: str) -> HttpResponse:
    """Save the form, unless somebody must look at something first."""
    if form.stood and form.stood != TokenForm.of(token).stood and not form.leaves_the_list:
        return changed_meanwhile(visit, token, form)
    if preview := allowlist_preview.objection(visit, token, form, press):
        return token_page(visit, token, form, preview=preview, is_question=True)
    form.report_only = form.report_only or press == allowlist_preview.SAVE_REPORT_ONLY
    is_list_changed = not form.leaves_the_list
    if is_list_changed and needs_recent_authentication(token, form.networks, report_only=form.report_only):
        demand_recent_authentication(visit.request, keeps_form=True)
    return save(visit, token, form)


def changed_meanwhile(visit: Visit, token: Token, form: TokenForm) -> HttpResponse:
    """Show what holds now beside what was typed: a page opened long ago must not undo what somebody did since."""
    problem = ChangedMeanwhile()
    form.errors["allowed_networks"] = sentence(problem)
    form.stood = TokenForm.of(token).stood
    return token_page(visit, token, form, status=problem.status, now_allowed=token.allowed_networks)


def save(visit: Visit, token: Token, form: TokenForm) -> HttpResponse:
    leaves = form.leaves_the_list
    try:
        edit_token(
            actor=visit.actor,
            token=token,
            name=form.name,
            description=form.description,
            software=form.software,
            allowed_networks=None if leaves else form.networks,
            report_only=None if leaves else form.report_only,
            now=visit.now,
        )
    except (Invalid, AlreadyExists) as problem:
        form.explain(problem)
        return token_page(visit, token, form, status=problem.status)
    say(visit.request, gettext("Your changes are saved and already apply."))
    for note in range_notes(form.networks):
        say(visit.request, sentence(Invalid(note)))
    if form.name != token.name:
        for caution in name_caution(visit.account, form.name, actor=visit.actor, token=token, now=visit.now):
            warn(visit.request, sentence(Invalid(caution)))
    return redirect("console:token", visit.account.pk, token.pk)


def token_page(
    visit: Visit, token: Token, form: TokenForm | None = None, *, status: int = 200, **more: Any
) -> HttpResponse:
    """Return the token's page; `more` goes into its context: `preview`, `is_question`, `credentials`, `trial`."""
    [row] = rows([token], now=visit.now)
    form = form or TokenForm.of(token)
    form.hint(network_cautions(form.networks))
    if token.report_only and not visit.request.POST:
        more["preview"] = allowlist_preview.preview_of(visit, token, form)
    context = {
        "account": visit.account,
        "now": visit.now,
        "token": token,
        "row": row,
        "form": form,
        "software": offered_software(token.software),
        "browser": located(visit.request),
        "addresses_shown": allowlist_preview.ADDRESSES_SHOWN,
        "notices": notices_of(token, actor=visit.actor),
    }
    return render(visit.request, "console/tokens/token.html", context | more, status=status)
