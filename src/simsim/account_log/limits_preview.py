"""A preview of the requests that a token's limits would have refused, and limits suggested by the traffic (B16)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simsim.accounts.permissions import Actor, Permission, permit
from simsim.credential.limits import compiled
from simsim.credential.request_path import normal_path
from simsim.request_log.outcome import Outcome, is_console_test
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.plan import search
from simsim.request_log.usage.token_use import RECENT_DAYS
from simsim.rfc3339 import format_time
from simsim.tokens.models import Token
from simsim.tokens.rules import parse_limits

# The newest requests say what a program does. Reading all of them would take minutes for a busy token.
MAX_REQUESTS = 5_000
MAX_SUGGESTED = 20
MAX_DEPTH = 4
_is_id = re.compile(
    r"[0-9]+|[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*[0-9])[0-9a-z_-]{12,}", re.IGNORECASE
).fullmatch


@dataclass(frozen=True)
class RequestUse:
    """The requests that one rule would allow; `rule` is "" if no rule can allow them, and `path` is one of theirs."""

    rule: str
    method: str
    path: str
    requests: int
    last_at: datetime


@dataclass(frozen=True)
class LimitsPreview:
    """The effect of limits on the newest requests that the token let in during the last 30 days.

    `excluded` are the requests that the limits do not allow, grouped, the most frequent first. `is_complete`: these
    are all requests of that time.
    """

    excluded: Sequence[RequestUse]
    requests: int
    is_complete: bool

    @property
    def excluded_requests(self) -> int:
        return sum(use.requests for use in self.excluded)

    @property
    def excludes_everything(self) -> bool:
        return 0 < self.requests == self.excluded_requests


def preview_limits(*, actor: Actor, token: Token, limits: Iterable[str], now: datetime) -> LimitsPreview:
    """Return the effect of the limits; an empty list refuses nothing. Raises Invalid for an invalid rule."""
    permit(actor, Permission.VIEW_LOG, token.account)
    found = compiled(parse_limits(limits))
    seen = recent_requests(token, now)
    breaches = [each for each in seen if found is not None and found.breach(each.method, each.path) is not None]
    return LimitsPreview(grouped(breaches), len(seen), len(seen) < MAX_REQUESTS)


def document(preview: LimitsPreview) -> dict[str, object]:
    """Return a preview as JSON."""
    excluded = [
        {
            "rule": use.rule or None,
            "method": use.method,
            "path": use.path,
            "requests": use.requests,
            "last_at": format_time(use.last_at),
        }
        for use in preview.excluded
    ]
    return {
        "requests": preview.requests,
        "is_complete": preview.is_complete,
        "excluded_requests": preview.excluded_requests,
        "excluded": excluded,
    }


def limits_to_confirm(
    *, actor: Actor, token: Token, limits: Sequence[str], report_only: bool, now: datetime
) -> LimitsPreview | None:
    """Return the effect of changed limits if a person should confirm it before they are saved, otherwise None.

    Only enforced limits that would have refused recent requests need confirmation. Raises Invalid for an invalid rule.
    """
    permit(actor, Permission.VIEW_LOG, token.account)
    has_changed = parse_limits(limits) != token.limits or (token.report_only and not report_only)
    if report_only or not has_changed:
        return None
    preview = preview_limits(actor=actor, token=token, limits=limits, now=now)
    return preview if preview.excluded else None


def suggest_limits(*, actor: Actor, token: Token, now: datetime) -> list[str]:
    """Return at most MAX_SUGGESTED rules that allow every recent request whose path can be read in only one way.

    Segments that look like ids become `*`. If that leaves too many rules, their paths are cut and end in `**`. The list
    is empty if no requests were let in.
    """
    permit(actor, Permission.VIEW_LOG, token.account)
    wanted = {(each.method, pattern) for each in recent_requests(token, now) if (pattern := pattern_of(each.path))}
    rules = merged(wanted)
    for depth in range(MAX_DEPTH, -1, -1):
        if len(rules) <= MAX_SUGGESTED:
            break
        rules = merged({(method, cut(pattern, depth)) for method, pattern in wanted})
    return rules


def recent_requests(token: Token, now: datetime) -> list[RequestUse]:
    """Return the newest requests that the token let in, each as one use without a rule."""
    filters = LogFilters(
        token.account_id,
        since=now - timedelta(days=RECENT_DAYS),
        token_id=token.pk,
        outcome=Outcome.ACCEPTED,
    )
    return [
        RequestUse("", row.method, row.resource, 1, row.received_at)
        for row in search(filters, MAX_REQUESTS).rows
        if not is_console_test(row.method, row.resource)
    ]


def grouped(uses: Iterable[RequestUse]) -> list[RequestUse]:
    """Return one use for each rule, or for each path that no rule can allow; the most frequent first."""
    found: dict[tuple[str, str], RequestUse] = {}
    for use in uses:
        pattern = pattern_of(use.path)
        key = use.method, pattern or use.path
        known = found.get(key)
        count, last_at = (known.requests + 1, max(known.last_at, use.last_at)) if known else (1, use.last_at)
        found[key] = RequestUse(f"{use.method} {pattern}" if pattern else "", *key, count, last_at)
    return sorted(found.values(), key=lambda use: (-use.requests, use.rule, use.path))


def pattern_of(path: str) -> str | None:
    """Return the pattern for a path, with a star for each segment that looks like an id; None if it has none."""
    normal = normal_path(path)
    return None if normal is None else "/".join("*" if _is_id(part) else part for part in normal.split("/"))


def merged(wanted: Iterable[tuple[str, str]]) -> list[str]:
    """Return rules for the methods and patterns, one for each pattern."""
    methods: dict[str, set[str]] = {}
    for method, pattern in wanted:
        methods.setdefault(pattern, set()).add(method)
    return [f"{','.join(sorted(methods[pattern]))} {pattern}" for pattern in sorted(methods)]


def cut(pattern: str, depth: int) -> str:
    """Return the pattern, cut after so many segments if it is deeper."""
    segments = pattern[1:].split("/")
    return pattern if len(segments) <= depth else "/".join(["", *segments[:depth], "**"])
