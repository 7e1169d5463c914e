"""The token and the target software that the log's filters name."""

import dataclasses
from dataclasses import dataclass

from django.utils.translation import gettext

from simsim.console.account_access import AccountAccess
from simsim.console.errors import sentence
from simsim.console.logs.filter_form import LogFilterForm
from simsim.problem import Invalid, NotFound
from simsim.tokens.models import TargetSoftware, Token
from simsim.tokens.selectors import find_token
from simsim.tokens.software import NO_SOFTWARE, tokens_made_for


@dataclass(frozen=True)
class FilterTargets:
    """`token` is None for any token; `software` is its name, "" for any software."""

    token: Token | None = None
    software: str = ""


def read_form(access: AccountAccess) -> tuple[LogFilterForm, FilterTargets]:
    """Return the filters in the URL, and what they name; the form gets an error if the account has no such thing."""
    form = LogFilterForm.read(access.request.GET, now=access.now)
    return form, FilterTargets(_token(access, form), _software(access, form))


def _token(access: AccountAccess, form: LogFilterForm) -> Token | None:
    if form.filters.token_id is None:
        return None
    try:
        return find_token(form.filters.token_id, actor=access.actor, account=access.account)
    except NotFound:
        form.add_unknown_token_error()
        return None


def _software(access: AccountAccess, form: LogFilterForm) -> str:
    slug = form.texts["software"]
    if not slug:
        return ""
    try:
        among = tokens_made_for(slug, actor=access.actor, account=access.account)
    except Invalid as problem:
        form.add_error("software", sentence(problem))
        return ""
    form.filters = dataclasses.replace(form.filters, among_tokens=among)
    return gettext("None") if slug == NO_SOFTWARE else TargetSoftware.objects.get(slug=slug).name
