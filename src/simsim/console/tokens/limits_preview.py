"""The preview on the token's page: the requests that narrower limits would have refused, to add them (B16)."""

from simsim.account_log.limits_preview import LimitsPreview, limits_to_confirm, preview_limits, suggest_limits
from simsim.console.account_access import AccountAccess
from simsim.console.tokens.allowlist_preview import SAVE_ANYWAY, SAVE_REPORT_ONLY
from simsim.console.tokens.form import TokenForm
from simsim.problem import Invalid
from simsim.tokens.models import Token

PREVIEW = "preview-limits"
SUGGEST = "suggest-limits"
ADD_ALL = "add-requests"


def only_previews(press: str) -> bool:
    """Whether the pressed button only shows a preview and saves nothing."""
    return press in {PREVIEW, SUGGEST, ADD_ALL}


def changed_preview(access: AccountAccess, token: Token, form: TokenForm, press: str) -> LimitsPreview | None:
    """Change the limits as the button says, and return the preview of the new ones.

    None for an invalid rule; the form then has its error.
    """
    if press == SUGGEST and (suggested := suggest_limits(actor=access.actor, token=token, now=access.now)):
        form.limits.showing(suggested)
    preview = preview_of(access, token, form)
    if preview is None or press != ADD_ALL:
        return preview
    form.limits.add(use.rule for use in preview.excluded if use.rule)
    return preview_of(access, token, form)


def preview_to_confirm(access: AccountAccess, token: Token, form: TokenForm, press: str) -> LimitsPreview | None:
    """Return the preview that the person must confirm before the form is saved, None when it can be saved.

    None for an invalid rule too; the form then has its error.
    """
    is_confirmed = press == SAVE_ANYWAY and form.limits.previewed == form.limits.text
    if is_confirmed or press == SAVE_REPORT_ONLY or form.limits.missing():
        return None
    try:
        preview = limits_to_confirm(
            actor=access.actor, token=token, limits=form.limits.rules, report_only=form.report_only, now=access.now
        )
    except Invalid as problem:
        form.add_errors(problem.errors)
        return None
    form.limits.previewed = form.limits.text
    return preview


def preview_of(access: AccountAccess, token: Token, form: TokenForm) -> LimitsPreview | None:
    """Return the preview of the form's limits, None for an invalid rule; the form then has its error."""
    try:
        preview = preview_limits(actor=access.actor, token=token, limits=form.limits.rules, now=access.now)
    except Invalid as problem:
        form.add_errors(problem.errors)
        return None
    form.limits.previewed = form.limits.text
    return preview
