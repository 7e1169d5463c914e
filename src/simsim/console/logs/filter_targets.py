"""What the log's filters name in the account: one of its tokens, and what its tokens are made for."""

import dataclasses
from dataclasses import dataclass

from django.utils.translation import gettext

from simsim.console.errors import sentence
from simsim.console.logs.filters import LogForm
from simsim.console.place import Visit
from simsim.problem import Invalid, NotFound
from simsim.tokens.models import TargetSoftware, Token
from simsim.tokens.selectors import find_token
from simsim.tokens.software import NO_SOFTWARE, tokens_made_for


@dataclass(frozen=True)
class Chosen:
    """What holds: `token` None for any, `software` is its name, "" for any."""

    token: Token | None = None
    software: str = ""


def read_form(visit: Visit) -> tuple[LogForm, Chosen]:
    """Return the filters of the address with what they name; what the account does not have is said in the form."""
    form = LogForm.read(visit.request.GET, now=visit.now)
    return form, Chosen(_token(visit, form), _software(visit, form))


def _token(visit: Visit, form: LogForm) -> Token | None:
    if form.filters.token_id is None:
        return None
    try:
        return find_token(form.filters.token_id, actor=visit.actor, account=visit.account)
    except NotFound:
        form.say_no_such_token()
        return None


def _software(visit: Visit, form: LogForm) -> str:
    slug = form.texts["software"]
    if not slug:
        return ""
    try:
        among = tokens_made_for(slug, actor=visit.actor, account=visit.account)
    except Invalid as problem:
        form.say_wrong("software", sentence(problem))
        return ""
    form.filters = dataclasses.replace(form.filters, among_tokens=among)
    return gettext("None") if slug == NO_SOFTWARE else TargetSoftware.objects.get(slug=slug).name
