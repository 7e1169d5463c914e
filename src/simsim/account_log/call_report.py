"""What was called with chosen tokens, from where and when: for whoever must know what a thief reached (B18)."""

import csv
import io
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from django.db import transaction

from simsim.account_log.allowlist_preview import IPV4_PREFIX, IPV6_PREFIX
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.request_log.search.call_totals import CallTotals, Group, Total, call_totals
from simsim.request_log.search.export import Format, cell
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.short_addresses import is_short
from simsim.rfc3339 import format_time
from simsim.tokens.token_filters import TokenFilter
from simsim.tokens.token_selection import select_tokens

# How long a page adds up requests.
PATIENCE_SECONDS = 1.5
MAX_AMONG = 500
COLUMNS = (
    "token_id", "token_name", "method", "endpoint", "address", "network", "status", "outcome", "requests",
    "first_at", "last_at",
)  # fmt: skip


@dataclass(frozen=True)
class CallReport:
    """The calls, the most first, with the names of their tokens; `chosen` is the number of tokens.

    `complete_since` is set if older calls were not added up.
    """

    calls: Sequence[tuple[Group, Total]]
    names: Mapping[uuid.UUID, str]
    chosen: int
    complete_since: datetime | None

    @property
    def requests(self) -> int:
        return sum(total.requests for _, total in self.calls)


def call_report(
    account: Account, *, actor: Actor, chosen: TokenFilter, since: datetime | None, is_patient: bool = False,
    now: datetime,
) -> CallReport:  # fmt: skip
    """Return what was called with the tokens that meet the conditions, also those that have ended, since a moment.

    Without `is_patient`, it stops after a moment, and says how far it came. Raises NotFound, NotPermitted or Invalid.
    """
    permit(actor, Permission.VIEW_LOG, account)
    selection = select_tokens(account, actor=actor, chosen=chosen, with_ended=True, now=now)
    names = {token.pk: token.name for token in selection.tokens}
    # More ids than a query takes: then all of the account's requests are read, and the others dropped below.
    among = frozenset(names) if len(names) <= MAX_AMONG else None
    filters = LogFilters(account.pk, since=since, among_tokens=among)
    patience = None if is_patient else PATIENCE_SECONDS
    found = call_totals(account.pk, filters, patience_seconds=patience) if names else CallTotals({})
    mine = [(group, total) for group, total in found.groups.items() if group.token_id in names]
    calls = sorted(mine, key=lambda each: (-each[1].requests, each[0].endpoint, str(each[0])))
    return CallReport(calls, names, len(names), found.complete_since)


@transaction.atomic
def exported_report(
    account: Account, *, actor: Actor, chosen: TokenFilter, since: datetime | None, form: Format, now: datetime
) -> Iterator[bytes]:
    """Record the export, and return the whole report as a file, in parts."""
    report = call_report(account, actor=actor, chosen=chosen, since=since, is_patient=True, now=now)
    filters = chosen.document() | ({"since": format_time(since)} if since else {})
    recorder.record(
        Event.LOG_EXPORTED, actor=actor, account_id=account.pk, subject_id=account.pk,
        details={"format": form.value, "filters": filters}, now=now,
    )  # fmt: skip
    return written(report, form)


def written(report: CallReport, form: Format) -> Iterator[bytes]:
    if form is Format.CSV:
        yield line([*COLUMNS])
    for group, total in report.calls:
        fields = about(report, group, total)
        if form is Format.CSV:
            yield line([cell(fields[name]) for name in COLUMNS])
        else:
            yield (json.dumps(fields, ensure_ascii=False) + "\n").encode()


def line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


def about(report: CallReport, group: Group, total: Total) -> dict[str, object]:
    return {
        "token_id": str(group.token_id),
        "token_name": report.names[group.token_id],
        "method": group.method,
        "endpoint": group.endpoint,
        "address": group.address,
        "network": network_of(group.address),
        "status": group.status,
        "outcome": group.outcome,
        "requests": total.requests,
        "first_at": format_time(total.first),
        "last_at": format_time(total.last),
    }


def network_of(address: str | None) -> str | None:
    """Return the /24 or the /64 around an address, or what is left of an old one; None for an unknown one."""
    if address is None or is_short(address):
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return str(ip_network((parsed, IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX), strict=False))


def document(report: CallReport, most: int) -> dict[str, object]:
    """Return the JSON of the API contract, with at most so many calls."""
    return {
        "tokens": report.chosen,
        "requests": report.requests,
        "groups": len(report.calls),
        "complete_since": format_time(report.complete_since),
        "items": [about(report, group, total) for group, total in report.calls[:most]],
    }
