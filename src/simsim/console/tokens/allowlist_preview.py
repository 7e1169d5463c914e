"""The preview on the token's page: the addresses that a narrower allowlist would have refused, to add them (B3)."""

from simsim.account_log.allowlist_preview import Preview, effect_to_confirm, preview_allowlist, suggest_networks
from simsim.console.account_access import AccountAccess
from simsim.console.tokens.form import TokenForm
from simsim.problem import Invalid
from simsim.tokens.models import Token

PREVIEW = "preview"
SUGGEST = "suggest"
ADD_ALL = "add-all"
ADD_ONE = "add-one-"
SAVE_ANYWAY = "save-anyway"
SAVE_REPORT_ONLY = "save-report-only"
ADDRESSES_SHOWN = 10


def only_previews(press: str) -> bool:
    """Whether the pressed button only shows a preview and saves nothing."""
    return press in {PREVIEW, SUGGEST, ADD_ALL} or press.startswith(ADD_ONE)


def changed_preview(access: AccountAccess, token: Token, form: TokenForm, press: str) -> Preview | None:
    """Change the list as the button says, and return the preview of the new list.

    None for an invalid network; the form then has its error.
    """
    if press == SUGGEST:
        form.networks = suggest_networks(actor=access.actor, token=token, now=access.now) or form.networks
    preview = preview_of(access, token, form)
    if preview is None or press in {PREVIEW, SUGGEST}:
        return preview
    wanted = [use.address for use in preview.excluded if use.address]
    if press != ADD_ALL:
        wanted = [address for address in wanted if address == press.removeprefix(ADD_ONE)]
    form.add(wanted)
    return preview_of(access, token, form)


def preview_to_confirm(access: AccountAccess, token: Token, form: TokenForm, press: str) -> Preview | None:
    """Return the preview that the person must confirm before the form is saved, None when it can be saved.

    None for an invalid network too; the form then has its error.
    """
    is_confirmed = press == SAVE_ANYWAY and form.previewed == form.list_text
    if is_confirmed or press == SAVE_REPORT_ONLY:
        return None
    try:
        preview = effect_to_confirm(
            actor=access.actor,
            token=token,
            allowed_networks=form.networks,
            report_only=form.report_only,
            now=access.now,
        )
    except Invalid as problem:
        form.explain(problem)
        return None
    form.previewed = form.list_text
    return preview


def preview_of(access: AccountAccess, token: Token, form: TokenForm) -> Preview | None:
    """Return the preview of the form's list, None for an invalid network; the form then has its error."""
    try:
        preview = preview_allowlist(actor=access.actor, token=token, allowed_networks=form.networks, now=access.now)
    except Invalid as problem:
        form.explain(problem)
        return None
    form.previewed = form.list_text
    return preview
