"""Formats of numbers, times and names on the console's pages; every time is in UTC."""

from datetime import UTC, datetime, time, timedelta

from django.utils.dates import MONTHS_3
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from simsim.rfc3339 import format_time

MINUTE, HOUR, DAY = 60, 3600, 86400
MIN_SHOWN_SECONDS = 0.0005
MIN_SHOWN_PERCENT = 0.1


def number(value: int) -> str:
    """Return a whole number with its thousands separated: `1,204`."""
    return number_format(value, force_grouping=True)


def percent_of(part: int, whole: int) -> str:
    """Return a share in percent: `0 %`, `under 0.1 %`, `3.4 %`, `100 %`."""
    percent = 100 * part / whole if whole else 0
    if 0 < percent < MIN_SHOWN_PERCENT:
        return _("under %(number)s %%") % {"number": number_format(MIN_SHOWN_PERCENT, 1)}
    # Do not round 99.96 % up: show 100 % only if nothing is missing.
    percent = min(round(percent, 1), 99.9) if part < whole else percent
    return _("%(number)s %%") % {"number": number_format(percent, 0 if percent == round(percent) else 1)}


def duration(seconds: float) -> str:
    """Return a duration in the unit that suits it: `12 ms`, `1.25 s`, `95 s`."""
    if seconds < MIN_SHOWN_SECONDS:
        return _("under 1 ms")
    if round(seconds * 1000) < 1000:
        return _("%(number)s ms") % {"number": number_format(round(seconds * 1000))}
    decimals = 2 if seconds < MINUTE else 0
    # Rounded first, because number_format truncates.
    return _("%(number)s s") % {"number": number_format(round(seconds, decimals), decimals)}


def day(value: datetime) -> str:
    """Return the day as `6 Dec 2026`."""
    value = value.astimezone(UTC)
    # Gives the same result as date_format with "j M Y" in a fifth of the time. A list shows dozens of dates.
    return f"{value.day} {MONTHS_3[value.month].title()} {value.year}"


def moment(value: datetime) -> SafeString:
    """Return a moment as `6 Dec 2026, 14:05 UTC`."""
    return _day_and_time(value, "%H:%M")


def moment_exact(value: datetime) -> SafeString:
    """Return a moment to the second, as `6 Dec 2026, 14:05:09 UTC`."""
    return _day_and_time(value, "%H:%M:%S")


def _day_and_time(value: datetime, form: str) -> SafeString:
    texts = {"day": day(value), "time": value.astimezone(UTC).strftime(form)}
    return time_element(value, _("%(day)s, %(time)s UTC") % texts)


def expiry(value: datetime) -> SafeString:
    """Return when a token expires. Expiry at midnight is written as the end of the day before, its last whole day."""
    last_day = value.astimezone(UTC) - timedelta(microseconds=1)
    if value.astimezone(UTC).time() == time():
        return time_element(value, _("end of %(day)s UTC") % {"day": day(last_day)})
    return moment(value)


def time_element(value: datetime, text: str) -> SafeString:
    """Return the text in a `<time>` that gives the exact moment to programs."""
    exact = format_time(value, "seconds")
    return format_html('<time datetime="{}">{}</time>', exact, text)


def away(value: datetime, now: datetime) -> str:
    """Return how far a moment is from now: `in 12 days`, `3 hours ago`, `just now`."""
    seconds = (value - now).total_seconds()
    amount = time_span(abs(seconds))
    if amount is None:
        return _("in less than a minute") if seconds > 0 else _("just now")
    return _("in %(amount)s") % {"amount": amount} if seconds > 0 else _("%(amount)s ago") % {"amount": amount}


def since(value: datetime, now: datetime) -> str:
    """Return the time since a moment, without "ago": `62 days`."""
    return time_span((now - value).total_seconds()) or _("less than a minute")


def time_span(seconds: float) -> str | None:
    """Return a length of time in its largest fitting unit, rounded; None for less than a minute.

    Hours are used up to two days, because “in 1 day” is too vague for a person who has to act by then.
    """
    if seconds < MINUTE:
        return None
    if (count := round(seconds / MINUTE)) < 60:
        return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}
    if (count := round(seconds / HOUR)) < 48:
        return ngettext("%(count)d hour", "%(count)d hours", count) % {"count": count}
    count = round(seconds / DAY)
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


def initials(name: str) -> str:
    """Return the first letters of the first two words, as a stand-in for a picture."""
    return "".join(word[0] for word in name.split()[:2]).upper()


def breakable(address: str) -> SafeString:
    """Return an email address that wraps before its @ instead of inside a word."""
    local, at, domain = address.partition("@")
    return format_html("{}<wbr>{}{}", local, at, domain)
