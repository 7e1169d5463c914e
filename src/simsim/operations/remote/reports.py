"""`simsim log list` and `simsim audit list` through the management API."""

from typing import TYPE_CHECKING, Any

from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import Listed
from simsim.problem import WrongUsage, gettext_noop

if TYPE_CHECKING:
    from simsim.client import Simsim


def list_log(api: "Simsim", *, account: str | None, all_accounts: bool, outcome: Any, **filters: Any) -> Listed:
    if all_accounts:
        raise WrongUsage(gettext_noop("--all-accounts works on the server only."))
    chosen = outcome.value if outcome else None
    page = api.list_requests(account_of(api, account), outcome=chosen, **filters)
    return Listed([document_of(each) for each in page.items], page.next_cursor)


def list_events(api: "Simsim", *, account: str | None, **filters: Any) -> Listed:
    page = api.list_audit_events(account_of(api, account), **filters)
    return Listed([document_of(each) for each in page.items], page.next_cursor)
