"""The list of all accounts, with how many people and tokens each has, and when it was last used."""

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from simsim.accounts.models import Account
from simsim.console.operators.access import OperatorAccess, for_operators
from simsim.health.accounts import find_accounts, summaries

PAGE_ROWS = 50
MAX_TEXT_LENGTH = 200


@require_safe
@for_operators
def accounts(access: OperatorAccess) -> HttpResponse:
    """Show one page of the accounts that the search finds, by name. Nothing of what an account holds is shown."""
    text = access.request.GET.get("q", "")[:MAX_TEXT_LENGTH].replace("\0", "")
    found: Paginator[Account] = Paginator(find_accounts(text, actor=access.actor), PAGE_ROWS)
    page = found.get_page(access.request.GET.get("page"))
    context = {
        "text": text,
        "page": page,
        "rows": summaries(list(page.object_list), actor=access.actor, now=access.now),
        "kept": urlencode({"q": text}) if text else "",
    }
    return access.page("accounts", context)
