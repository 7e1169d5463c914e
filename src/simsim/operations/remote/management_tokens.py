"""`simsim management-token` through the management API."""

from typing import TYPE_CHECKING

from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import Listed, One

if TYPE_CHECKING:
    from simsim.client import Simsim


def list_management_tokens(api: "Simsim", *, account: str | None) -> Listed:
    return Listed([document_of(each) for each in api.list_management_tokens(account_of(api, account)).items])


def revoke_management_token(api: "Simsim", *, management_token_id: str) -> One:
    return One(document_of(api.revoke_management_token(account_of(api), management_token_id)))
