"""`simsim token` through the management API."""

from typing import TYPE_CHECKING, Any

from simsim.operations.limit_options import limits_of, rates_of
from simsim.operations.remote.twins import Lines, Listed, One
from simsim.operations.spans import parse_span
from simsim.problem import WrongUsage, gettext_noop
from simsim.rfc3339 import format_time

if TYPE_CHECKING:
    from simsim.client import Simsim

LOCAL_OPTION = gettext_noop("%(option)s works on the server only.")


def document_of(token: object) -> dict[str, Any]:
    from simsim.client import document_of  # noqa: PLC0415 - loaded with the HTTP library

    return document_of(token)


def account_of(api: "Simsim", account: str | None = None) -> str:
    from simsim.operations.remote.server import only_account  # noqa: PLC0415 - loads the HTTP library

    return only_account(api, account)


def create_token(
    api: "Simsim", *, lines: str | None, account: str | None, name: str | None, expires: str | None,
    description: str | None, software: str | None, allow: list[str] | None, report_only: bool, no_notice: bool,
    limit: list[str] | None, read_only: bool, rate: list[str] | None,
) -> One:  # fmt: skip
    for option, is_given in (("-", lines is not None), ("--no-notice", no_notice)):
        if is_given:
            raise WrongUsage(LOCAL_OPTION, option=option)
    for option, value in (("--name", name), ("--expires", expires)):
        if value is None:
            raise WrongUsage(gettext_noop("Missing option '%(option)s'."), option=option)
    created = api.create_token(
        account_of(api, account), name=name or "", expires=expires or "", description=description or "",
        software=software, allowed_networks=allow or [], report_only=report_only,
        limits=limits_of(limit, is_read_only=read_only) or [], rates=rate or [],
    )  # fmt: skip
    return One(document_of(created))


def list_tokens(api: "Simsim", *, account: str | None, status: Any, search: str | None = None) -> Listed:
    chosen = status.value if status else None
    found = api.iterate_tokens(account_of(api, account), status=chosen, q=search or None, limit=1000)
    return Listed([document_of(each) for each in found])


def export_tokens(api: "Simsim", *, account: str | None, status: Any) -> Lines:
    return Lines(list_tokens(api, account=account, status=status).items)


def show_token(api: "Simsim", *, token_id: str) -> One:
    return One(document_of(api.get_token(account_of(api), token_id)))


def show_credentials(api: "Simsim", *, token_id: str) -> One:
    return One(document_of(api.show_credentials(account_of(api), token_id)))


def edit_token(
    api: "Simsim", *, token_id: str, name: str | None, description: str | None, software: str | None,
    allow: list[str] | None, allow_any: bool, report_only: bool | None, limit: list[str] | None, read_only: bool,
    any_request: bool, rate: list[str] | None, any_rate: bool,
) -> One:  # fmt: skip
    from simsim.client import UNSET  # noqa: PLC0415

    if allow and allow_any:
        raise WrongUsage(gettext_noop("Give either --allow or --allow-any."))
    limits, rates = limits_of(limit, is_read_only=read_only, is_any=any_request), rates_of(rate, is_any=any_rate)
    edited = api.edit_token(
        account_of(api), token_id, if_match="*",
        name=UNSET if name is None else name,
        description=UNSET if description is None else description,
        software=UNSET if software is None else software or None,
        allowed_networks=[] if allow_any else allow or UNSET,
        limits=UNSET if limits is None else limits,
        rates=UNSET if rates is None else rates,
        report_only=UNSET if report_only is None else report_only,
    )  # fmt: skip
    return One(document_of(edited))


def revoke_token(api: "Simsim", *, token_id: str, reason: Any) -> One:
    return One(document_of(api.revoke_token(account_of(api), token_id, reason=reason)))


def rotate_token(api: "Simsim", *, token_id: str, overlap: str) -> One:
    seconds = int(parse_span("overlap", overlap).total_seconds())
    return One(document_of(api.rotate_token(account_of(api), token_id, overlap_seconds=seconds)))


def end_overlap(api: "Simsim", *, token_id: str) -> One:
    return One(document_of(api.end_overlap(account_of(api), token_id)))


def pause_token(api: "Simsim", *, token_id: str, until: str, reason: str) -> One:
    return One(document_of(api.pause_token(account_of(api), token_id, until=until, reason=reason)))


def resume_token(api: "Simsim", *, token_id: str) -> One:
    return One(document_of(api.resume_token(account_of(api), token_id)))


def hand_over_token(api: "Simsim", *, token_id: str, expires_in: str, with_code: bool) -> One:
    seconds = int(parse_span("expires_in", expires_in).total_seconds())
    link = api.hand_over_token(account_of(api), token_id, expires_in_seconds=seconds, with_code=with_code)
    shown: dict[str, object] = {"id": link.id, "url": link.url, "expires_at": format_time(link.expires_at)}
    return One(shown | ({"code": link.code} if link.code else {}))


def list_hand_overs(api: "Simsim", *, token_id: str) -> Listed:
    return Listed([document_of(each) for each in api.list_hand_overs(account_of(api), token_id).items])


def take_back(api: "Simsim", *, token_id: str, hand_over_id: str) -> One:
    return One(document_of(api.take_back_hand_over(account_of(api), token_id, hand_over_id)))


def list_emails(api: "Simsim", *, account: str | None, token: str | None, limit: int, cursor: str | None) -> Listed:
    page = api.list_emails(account_of(api, account), token=token or None, limit=limit, cursor=cursor)
    return Listed([document_of(each) for each in page.items], page.next_cursor)


def allowlist_preview(api: "Simsim", *, token_id: str, allow: list[str]) -> One:
    return One(document_of(api.preview_networks(account_of(api), token_id, allowed_networks=allow)))


def allowlist_suggestion(api: "Simsim", *, token_id: str) -> One:
    return One(document_of(api.suggest_allowlist(account_of(api), token_id)))


def limits_preview(api: "Simsim", *, token_id: str, limit: list[str]) -> One:
    return One(document_of(api.preview_limits(account_of(api), token_id, limits=limit)))


def limits_suggestion(api: "Simsim", *, token_id: str) -> One:
    return One(document_of(api.suggest_limits(account_of(api), token_id)))
