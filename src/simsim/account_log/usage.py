"""The usage of an account over time, by token, software, endpoint and status, and its new callers."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.request_log.ship.counts import DAY_HOURS, CountKind
from simsim.request_log.ship.joined_ids import JoinedIds, split_ids
from simsim.request_log.usage import new_addresses, report
from simsim.request_log.usage.report import Span, Usage, total
from simsim.tokens.models import TargetSoftware, Token

MAX_ROWS = 20
NEW_DAYS = 7
MAX_ADDRESSES = 10


class By(StrEnum):
    """The ways to split an account's usage. A request counts for the current software of its token."""

    TOKEN = "token"  # noqa: S105
    SOFTWARE = "software"
    ENDPOINT = "endpoint"
    STATUS = "status"


KINDS = {By.TOKEN: CountKind.TOKEN, By.ENDPOINT: CountKind.ENDPOINT, By.STATUS: CountKind.STATUS}


@dataclass(frozen=True)
class Part:
    """The usage of one token, software, endpoint or status.

    `value` is an endpoint or a status, "" for an unknown one; a part by token has `token`, a part by software has
    `software`, and tokens without software have neither.
    """

    usage: Usage
    value: str = ""
    token: Token | None = None
    software: TargetSoftware | None = None


@dataclass(frozen=True)
class Split:
    """The MAX_ROWS parts with most requests, the sum of `others_number` other parts, and requests without a part."""

    parts: Sequence[Part]
    others_number: int
    others: Usage
    unnamed: Usage


@dataclass(frozen=True)
class Report:
    """The usage of a time span: by hour or day, oldest first; its total; and its parts."""

    span: Span
    series: Sequence[Usage]
    total: Usage
    split: Split


@dataclass(frozen=True)
class NewCaller:
    """An address whose first accepted request came on `first_day`, and the tokens that it used, the busiest first."""

    address: str
    first_day: date
    requests: int
    tokens: Sequence[Token]


@dataclass(frozen=True)
class NewCallers:
    """The latest of the `number` callers; `is_cut` if there are too many addresses to check them all."""

    shown: Sequence[NewCaller]
    number: int
    is_cut: bool


def usage_of(account: Account, *, actor: Actor, span: Span, by: By) -> Report:
    """Return the account's usage in that span; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_LOG, account)
    series = report.series(account.pk, span)
    everything = total(series)
    if not everything.requests:
        split = Split([], 0, Usage(), Usage())
    elif by is By.SOFTWARE:
        split = _by_software(account, span, everything)
    else:
        split = _by_value(account, span, by, everything)
    return Report(span, series, everything, split)


def new_callers_of(account: Account, *, actor: Actor, now: datetime) -> NewCallers:
    """Return the addresses whose first accepted request came within the last NEW_DAYS days, including today.

    Raises NotFound or NotPermitted.
    """
    permit(actor, Permission.VIEW_LOG, account)
    since = now.date() - timedelta(days=NEW_DAYS - 1)
    found = new_addresses.new_addresses(account.pk, since=since, most=MAX_ADDRESSES)
    tokens = _tokens(account, {token_id for each in found.shown for token_id in each.requests})
    shown = [
        NewCaller(
            each.address, each.first_day, sum(each.requests.values()),
            [tokens[token_id] for token_id in each.requests if token_id in tokens],
        )
        for each in found.shown
    ]  # fmt: skip
    return NewCallers(shown, found.number, found.is_cut)


def last_day_of(account: Account, *, actor: Actor, now: datetime) -> Usage:
    """Return the account's usage in the last 24 hours; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_LOG, account)
    return total(report.series(account.pk, Span.last_hours(DAY_HOURS, now)))


def has_ever_been_used(account: Account, *, actor: Actor) -> bool:
    """Whether the log, as far back as it is kept, has a request of the account; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_LOG, account)
    return report.has_ever_been_used(account.pk)


def _by_value(account: Account, span: Span, by: By, everything: Usage) -> Split:
    found = report.largest(account.pk, span, KINDS[by], of=everything, number=MAX_ROWS)
    if by is not By.TOKEN:
        parts = [Part(usage, value) for value, usage in found.by_value.items()]
        # Every request has a status and an endpoint, so a remainder can only come from requests that were logged
        # between the two queries.
        return Split(parts, found.others_number, found.others, Usage())
    tokens = _tokens(account, map(uuid.UUID, found.by_value))
    parts = [
        Part(usage, token=tokens[uuid.UUID(value)])
        for value, usage in found.by_value.items()
        if uuid.UUID(value) in tokens
    ]
    return Split(parts, found.others_number, found.others, found.unnamed)


def _by_software(account: Account, span: Span, everything: Usage) -> Split:
    # Read all tokens of the account: a list of thousands of ids would exceed SQLite's limit for one statement.
    joined = Token.objects.filter(account=account).values_list("software").annotate(ids=JoinedIds("pk"))
    software_of = {token_id: software for software, ids in joined.order_by() for token_id in split_ids(ids)}
    used = report.by_group(account.pk, span, software_of.get, of=everything)
    entries = TargetSoftware.objects.in_bulk([pk for pk in used if pk is not None])
    parts = [Part(usage, software=entries[pk] if pk is not None else None) for pk, usage in used.items()]
    parts.sort(key=lambda part: (-part.usage.requests, part.software.name if part.software else ""))
    unnamed = everything - total(used.values())
    if not any(map(any, (part.usage.took for part in parts))):
        # The parts have no durations, so the remainder has none either.
        unnamed = Usage(unnamed.accepted, unnamed.refused)
    rest = parts[MAX_ROWS:]
    return Split(parts[:MAX_ROWS], len(rest), total(part.usage for part in rest), unnamed)


def _tokens(account: Account, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Token]:
    """Return those tokens that belong to the account, by id."""
    return {token.pk: token for token in Token.objects.filter(account=account, pk__in=set(ids))}
