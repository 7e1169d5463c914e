"""`simsim token-request` through the management API."""

from typing import TYPE_CHECKING

from simsim.operations.limit_options import limits_of
from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import Listed, One

if TYPE_CHECKING:
    from simsim.client import Simsim


def list_token_requests(api: "Simsim", *, account: str | None) -> Listed:
    return Listed([document_of(each) for each in api.list_token_requests(account_of(api, account)).items])


def ask_for_approval(
    api: "Simsim", *, account: str | None, name: str, expires: str, description: str, software: str | None,
    allow: list[str] | None, report_only: bool, limit: list[str] | None, read_only: bool, rate: list[str] | None,
) -> One:  # fmt: skip
    asked = api.ask_for_approval(
        account_of(api, account), name=name, expires=expires, description=description, software=software,
        allowed_networks=allow or [], report_only=report_only,
        limits=limits_of(limit, is_read_only=read_only) or [], rates=rate or [],
    )  # fmt: skip
    return One(document_of(asked))


def show_token_request(api: "Simsim", *, request_id: str, account: str | None) -> One:
    return One(document_of(api.get_token_request(account_of(api, account), request_id)))


def approve_token_request(api: "Simsim", *, request_id: str, account: str | None) -> One:
    return One(document_of(api.approve_token_request(account_of(api, account), request_id)))


def decline_token_request(api: "Simsim", *, request_id: str, account: str | None) -> One:
    return One(document_of(api.decline_token_request(account_of(api, account), request_id)))
