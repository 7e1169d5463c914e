"""`simsim incident` through the management API."""

from typing import TYPE_CHECKING, Any

from simsim.operations.output import write_parts
from simsim.operations.remote.reports import without_mark
from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import One, Written

if TYPE_CHECKING:
    from simsim.client import Simsim


def show_freeze(api: "Simsim", *, account: str | None) -> One:
    return One(document_of(api.get_creation_freeze(account_of(api, account))))


def freeze(api: "Simsim", *, account: str | None, reason: str) -> One:
    return One(document_of(api.freeze_creation(account_of(api, account), reason=reason)))


def lift_freeze(api: "Simsim", *, account: str | None) -> One:
    where = account_of(api, account)
    api.lift_creation_freeze(where)
    return One(document_of(api.get_creation_freeze(where)))


def preview_selection(api: "Simsim", *, account: str | None, **filters: Any) -> One:
    return One(document_of(api.preview_selection(account_of(api, account), **filters)))


def stop_selection(api: "Simsim", *, account: str | None, act: Any, **options: Any) -> One:
    return One(document_of(api.stop_tokens(account_of(api, account), act=act.value, **options)))


def resume_selection(api: "Simsim", *, account: str | None, **options: Any) -> One:
    return One(document_of(api.resume_tokens(account_of(api, account), **options)))


def preview_networks(api: "Simsim", *, account: str | None, allow: list[str], **options: Any) -> One:
    found = api.preview_selection_networks(account_of(api, account), allowed_networks=allow, **options)
    return One(document_of(found))


def change_networks(api: "Simsim", *, account: str | None, allow: list[str], **options: Any) -> One:
    return One(document_of(api.change_networks(account_of(api, account), allowed_networks=allow, **options)))


def report(api: "Simsim", *, account: str | None, form: Any, tokens: Any, without: Any, **filters: Any) -> Written:
    where = account_of(api, account)
    ids: dict[str, Any] = {"tokens": ",".join(tokens or []), "without": ",".join(without or [])}

    def write(as_json: bool) -> None:
        wanted: Any = "jsonl" if as_json else form.value
        with api.export_call_report(where, format=wanted, **ids, **filters) as parts:
            write_parts(without_mark(parts))

    return Written(write)
