"""The page of one token, with a form for its editable fields while it is active (R12)."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.accounts.client_address import located
from simsim.accounts.permissions import Permission, is_permitted
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say, warn
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.tokens import allowlist_preview, limits_preview
from simsim.console.tokens.form import TokenForm
from simsim.console.tokens.live_errors import CHECK, errors_while_typing
from simsim.console.tokens.rates_form import quotas_of
from simsim.console.tokens.rows import rows
from simsim.credential.allowlist import parse_address
from simsim.problem import AlreadyExists, ChangedMeanwhile, Invalid
from simsim.tokens.actions import edit_token
from simsim.tokens.field_warnings import name_caution, network_cautions, range_notes
from simsim.tokens.hand_over_links import hand_overs_of
from simsim.tokens.models import Token
from simsim.tokens.rules import needs_recent_authentication
from simsim.tokens.selectors import find_token
from simsim.tokens.sent_notices import notices_of
from simsim.tokens.software import offered_software


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def details(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Show the token, or save changes; ask first if the new list would have refused recent requests."""
    token = find_token(token_id, actor=access.actor, account=access.account)
    if access.request.method != "POST":
        return token_page(access, token, with_address(TokenForm.of(token), access.request.GET.get("add", "")))
    form, press = TokenForm.read(access.request.POST), access.request.POST.get("press", "")
    if press == CHECK:
        return errors_while_typing(access, form, token=token)
    if form.rearrange(press, located(access.request).address):
        return token_page(access, token, form)
    if allowlist_preview.only_previews(press):
        return token_page(access, token, form, preview=allowlist_preview.changed_preview(access, token, form, press))
    if limits_preview.only_previews(press):
        shown = limits_preview.changed_preview(access, token, form, press)
        return token_page(access, token, form, limits_preview=shown)
    return edit(access, token, form, press)


def with_address(form: TokenForm, text: str) -> TokenForm:
    """Return the form with the address from a link added, not saved yet; an invalid address is ignored."""
    address = parse_address(text)
    # If the list is empty, adding the address would refuse all others.
    if address is not None and form.list_text:
        form.add([address.text])
    return form


def edit(access: AccountAccess, token: Token, form: TokenForm, press: str) -> HttpResponse:
    """Save the form, unless the person must first look at a conflict or a preview, or enter their password."""
    if form.list_as_opened and form.list_as_opened != TokenForm.of(token).list_as_opened and not form.is_list_unchanged:
        return changed_meanwhile(access, token, form)
    # Both at once: one button answers both questions.
    preview = allowlist_preview.preview_to_confirm(access, token, form, press)
    limits = limits_preview.preview_to_confirm(access, token, form, press)
    if preview or limits:
        asked: dict[str, Any] = {"is_question": preview is not None, "is_limits_question": limits is not None}
        return token_page(access, token, form, preview=preview, limits_preview=limits, **asked)
    form.report_only = form.report_only or press == allowlist_preview.SAVE_REPORT_ONLY
    if not form.is_list_unchanged and needs_recent_authentication(
        token, form.networks, form.limits.rules, report_only=form.report_only
    ):
        demand_recent_authentication(access.request, keeps_form=True)
    return save(access, token, form)


def changed_meanwhile(access: AccountAccess, token: Token, form: TokenForm) -> HttpResponse:
    """Show the current list beside the typed one: an old page must not undo somebody else's later change."""
    problem = ChangedMeanwhile()
    form.errors["allowed_networks"] = sentence(problem)
    form.list_as_opened = TokenForm.of(token).list_as_opened
    return token_page(
        access, token, form, status=problem.status, now_allowed=token.allowed_networks, now_limited=token.limit_rules
    )


def save(access: AccountAccess, token: Token, form: TokenForm) -> HttpResponse:
    keeps_list = form.is_list_unchanged
    if missing := form.limits.missing():
        form.add_errors(missing)
        return token_page(access, token, form, status=Invalid.status)
    try:
        edit_token(
            actor=access.actor,
            token=token,
            name=form.name,
            description=form.description,
            software=form.software,
            allowed_networks=None if keeps_list else form.networks,
            limits=None if keeps_list else form.limits.rules,
            rates=form.rates.texts,
            report_only=None if keeps_list else form.report_only,
            now=access.now,
        )
    except (Invalid, AlreadyExists) as problem:
        form.explain(problem)
        return token_page(access, token, form, status=problem.status)
    say(access.request, gettext("Your changes are saved and already apply."))
    for note in range_notes(form.networks):
        say(access.request, sentence(Invalid(note)))
    if form.name != token.name:
        for caution in name_caution(access.account, form.name, actor=access.actor, token=token, now=access.now):
            warn(access.request, sentence(Invalid(caution)))
    return redirect("console:token", access.account.pk, token.pk)


def token_page(
    access: AccountAccess, token: Token, form: TokenForm | None = None, *, status: int = 200, **more: Any
) -> HttpResponse:
    """Return the token's page; `more` is added to its context: `preview`, `is_question`, `credentials`, `gate_test`."""
    [row] = rows([token], now=access.now)
    form = form or TokenForm.of(token)
    form.hint(network_cautions(form.networks))
    if token.report_only and not access.request.POST:
        more["preview"] = allowlist_preview.preview_of(access, token, form)
        more["limits_preview"] = limits_preview.preview_of(access, token, form) if token.limits else None
    context = {
        "account": access.account,
        "now": access.now,
        "token": token,
        "row": row,
        "form": form,
        "software": offered_software(token.software),
        "browser": located(access.request),
        "quotas": quotas_of(token, access.now),
        "addresses_shown": allowlist_preview.ADDRESSES_SHOWN,
        "notices": notices_of(token, actor=access.actor),
        "hand_overs": [(each, each.state(access.now)) for each in hand_overs_of(token, actor=access.actor)]
        if is_permitted(access.actor, Permission.MANAGE_TOKENS, access.account)
        else [],
    }
    return render(access.request, "console/tokens/token.html", context | more, status=status)
