"""The rules for a token's fields. Each field has a parser, which raises Invalid with the field's name."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import ip_network

from simsim.credential import allowlist, limits, rates
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.rfc3339 import parse_day, parse_time
from simsim.tokens.models import RevocationReason, TargetSoftware, Token

MAX_LIFETIME = timedelta(days=3653)
RECOMMENDED_LIFE = timedelta(days=92)
DURATION = re.compile(r"^([1-9][0-9]{0,4})d$", re.ASCII)
# Don't use strftime: it would use the machine's language.
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
THERE_IS_NO_DAY = gettext_noop("There is no %(day)s.")
CALENDAR_DATE = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", re.ASCII)


def parse_expiry(text: str, *, now: datetime) -> datetime:
    """Return the time that `2027-01-31`, `90d` or an RFC 3339 time with offset means; raise Invalid otherwise.

    A date means that the token works until the end of that day in UTC. The time must be in the future and at most ten
    years away: a date is at most `last_day`, a time at most MAX_LIFETIME from now.
    """
    text = text.strip()
    moment = parse_moment(text, now)
    if missing := missing_day(text):
        raise Invalid(FieldError("expires_at", THERE_IS_NO_DAY, {"day": missing}))
    if moment is None:
        raise Invalid(
            FieldError("expires_at", gettext_noop("Give a date such as 2027-01-31, or a number of days such as 90d."))
        )
    if moment <= now:
        raise Invalid(FieldError("expires_at", gettext_noop("The expiry is in the past.")))
    longest = end_of(last_day(now)) if parse_day(text) else now + MAX_LIFETIME
    if moment > longest:
        raise Invalid(FieldError("expires_at", gettext_noop("A token can last at most ten years.")))
    return moment


def parse_moment(text: str, now: datetime) -> datetime | None:
    """Return the time that the text means, or None if it is not one."""
    try:
        if found := DURATION.match(text):
            return now + timedelta(days=int(found[1]))
        if day := parse_day(text):
            return end_of(day)
    except OverflowError:
        return None
    moment = parse_time(text)
    return moment if moment and moment.tzinfo else None


def end_of(day: date) -> datetime:
    """Return the end of a day in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)


def last_day(now: datetime) -> date:
    """Return the latest date that can be chosen as a token's last day."""
    return (now + MAX_LIFETIME).date()


def recommended_until(now: datetime) -> date:
    """Return the latest last day that is within the recommended lifetime."""
    return (now + RECOMMENDED_LIFE).date()


def missing_day(text: str) -> str | None:
    """Return the day in the text that does not exist, such as `30 February`; None for any other text."""
    if not CALENDAR_DATE.match(text):
        return None
    try:
        date.fromisoformat(text)
    except ValueError:
        year, month, day = (int(part) for part in text.split("-"))
        # Include the year only for 29 February, the only date that depends on it. Month 13 has no name.
        is_named = 1 <= month <= 12 and year > 0
        if not is_named:
            return text
        return f"{day} {MONTHS[month - 1]}" + (f" {year}" if (month, day) == (2, 29) else "")
    return None


def is_longer_than_recommended(expires_at: datetime, *, now: datetime) -> bool:
    """Whether the token would live longer than recommended (R18)."""
    return expires_at > end_of(recommended_until(now))


# Far more networks than any real list has, and few enough for the gate to read a list quickly.
MAX_NETWORKS = 10_000


def parse_networks(texts: Iterable[str]) -> list[str]:
    """Return the networks in normal form, each once, in the order given; blank rows are dropped.

    A range such as `10.0.0.1-10.0.0.9` becomes the networks that hold exactly its addresses. Raises Invalid with one
    error for each invalid row; its field is `allowed_networks.N`, counted from 0.
    """
    networks: dict[str, None] = {}
    errors = []
    for index, text in enumerate(texts):
        if not text.strip():
            continue
        found = allowlist.parse_range(text.strip()) or allowlist.parse_network(text.strip())
        if isinstance(found, allowlist.Fault):
            errors.append(FieldError(f"allowed_networks.{index}", found.message, found.params))
        else:
            networks |= dict.fromkeys(map(str, found if isinstance(found, list) else [found]))
        if index >= MAX_NETWORKS or len(networks) > MAX_NETWORKS:
            message = gettext_noop("Enter at most %(most)s networks. One wider network can replace many.")
            raise Invalid(FieldError("allowed_networks", message, {"most": f"{MAX_NETWORKS:,}"}))
    if errors:
        raise Invalid(*errors)
    return list(networks)


def parse_limits(texts: Iterable[str]) -> str:
    """Return the rules packed for the gate, each once, in the order given; blank rows are dropped.

    Raises Invalid with one error for each invalid row; its field is `limits.N`, counted from 0.
    """
    found: list[limits.Rule] = []
    errors = []
    for index, text in enumerate(texts):
        rule = limits.parse_rule(text) if text.strip() else None
        if isinstance(rule, allowlist.Fault):
            errors.append(FieldError(f"limits.{index}", rule.message, rule.params))
        elif rule is not None:
            found.append(rule)
        if index >= limits.MAX_RULES:
            message = gettext_noop("Enter at most %(most)s rules. One pattern that ends in ** can replace many.")
            raise Invalid(FieldError("limits", message, {"most": str(limits.MAX_RULES)}))
    if errors:
        raise Invalid(*errors)
    return limits.pack(found)


def parse_rates(texts: Iterable[str]) -> str:
    """Return the rate and the quotas packed for the gate; blank rows are dropped. Raises Invalid."""
    found = rates.parse_rates([text for text in texts if text.strip()])
    if isinstance(found, allowlist.Fault):
        raise Invalid(FieldError("rates", found.message, found.params))
    return rates.pack(found)


def needs_recent_authentication(
    token: Token, allowed_networks: Iterable[str], limit_rules: Iterable[str], *, report_only: bool
) -> bool:
    """Whether this allowlist or these limits let requests in that the token refuses now.

    Lists that can't be saved do not. A leaked password that the lists made useless would work again, so access to an
    unattended browser must not be enough.
    """
    if token.report_only or not (token.allowed_networks or token.limits):
        return False
    try:
        wanted, packed = (
            [ip_network(network) for network in parse_networks(allowed_networks)],
            parse_limits(limit_rules),
        )
    except Invalid:
        return False
    return report_only or allows_more_networks(token, wanted) or allows_more_requests(token.limits, packed)


def allows_more_requests(before: str, packed: str) -> bool:
    """Whether some rule allows a request that no single rule before allowed; both are packed, and "" allows all."""
    if not before:
        return False
    known, wanted = ([limits.rule_of(text) for text in limits.unpack(each)] for each in (before, packed))
    return not wanted or any(not any(limits.covers(rule, each) for rule in known) for each in wanted)


def allows_more_networks(token: Token, wanted: list[allowlist.Network]) -> bool:
    before = token.networks
    if not before or not wanted:
        return bool(before)
    return any(
        not any(network.version == known.version and network.subnet_of(known) for known in before)  # type: ignore[arg-type]
        for network in wanted
    )


def parse_software(slug: str | None, *, present: TargetSoftware | None = None) -> TargetSoftware | None:
    """Return the software with this slug, None for an empty slug; retired software only if the token already has it."""
    if not slug:
        return None
    # PostgreSQL refuses U+0000 in any text.
    software = TargetSoftware.objects.filter(slug=slug).first() if "\0" not in slug else None
    if software is None or (software.retired_at is not None and software != present):
        raise Invalid(
            FieldError("software", gettext_noop("“%(slug)s” is not among the target software."), {"slug": slug})
        )
    return software


def parse_reason(text: str) -> str:
    """Return the reason for a revocation, or "" if none was given."""
    if text and text not in RevocationReason.values:
        known = ", ".join(RevocationReason.values)
        raise Invalid(FieldError("reason", gettext_noop("The reason is one of: %(known)s."), {"known": known}))
    return text
