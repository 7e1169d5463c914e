"""`simsim notices`, `simsim policy` and an account's own choices through the management API."""

from typing import TYPE_CHECKING, Any

from simsim.operations.notice_options import parse_audience, prove_one_of
from simsim.operations.policy_options import choices_of
from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import Listed, One
from simsim.problem import WrongUsage, gettext_noop

if TYPE_CHECKING:
    from simsim.client import Simsim

OF_INSTALLATION = gettext_noop("Give --account: the policy of the installation can be changed on the server only.")


def show_notices(api: "Simsim", *, account: str | None) -> One:
    return One(document_of(api.get_notices(account_of(api, account))))


def set_notices(
    api: "Simsim", *, account: str | None, audience: list[str] | None, early_days: list[int] | None,
    no_early_days: bool,
) -> One:  # fmt: skip
    prove_one_of(early_days, no_early_days=no_early_days)
    where, audiences = account_of(api, account), dict(parse_audience(text) for text in audience or ())
    present = api.get_notices(where)
    days = [] if no_early_days else early_days or present.early_days
    return One(document_of(api.set_notices(where, if_match=present.etag, audiences=audiences, early_days=days)))


def show_policy(api: "Simsim", *, account: str | None) -> One:
    found = api.get_policies(account_of(api, account))
    return One(document_of(found.installation if account is None else found.effective))


def list_outside(api: "Simsim", *, account: str | None) -> Listed:
    return Listed([document_of(each) for each in api.get_policies(account_of(api, account)).tokens_outside])


def set_policy(api: "Simsim", *, account: str | None, **options: Any) -> One:
    choices: dict[str, Any] = choices_of(**options)
    if account is None:
        raise WrongUsage(OF_INSTALLATION)
    return One(document_of(api.set_policies(account, if_match="*", **choices).effective))


def show_account(api: "Simsim", *, account_id: str) -> One:
    return One(document_of(api.get_account(account_id)))


def let_programs_rotate(api: "Simsim", *, account_id: str, allow: bool) -> One:
    return One(document_of(api.edit_account(account_id, if_match="*", programs_may_rotate=allow)))


def require_single_sign_on(api: "Simsim", *, account_id: str, required: Any) -> One:
    chosen = api.set_single_sign_on(account_id, if_match="*", required=required.value)
    return One({"id": account_id, "single_sign_on": chosen.required})


def require_second_factor(api: "Simsim", *, account_id: str, required: Any) -> One:
    api.set_second_factor(account_id, if_match="*", required=required.value != "off")
    return One({"id": account_id, "second_factor": required.value})
