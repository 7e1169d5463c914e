"""Icons, and moments that can't be misread."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any

from django import template
from django.forms import BoundField
from django.utils.dates import MONTHS_3
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from lucide.templatetags.lucide import lucide

from simsim.rfc3339 import format_time

register = template.Library()
MINUTE, HOUR, DAY = 60, 3600, 86400
SPARK_STEP, SPARK_HEIGHT = 3, 20
MIN_SHOWN = 0.0005


@register.simple_tag
@cache
def icon(name: str, size: int = 16) -> Any:
    """Return the icon of that name, silent to screen readers: the words beside it say what it means."""
    # Kept: each drawing copies and prints a tree of XML, and a page's dozen take a third of its frame's time.
    return lucide(name, size=size, aria_hidden="true", focusable="false")


@register.simple_tag
def spark(days: Sequence[int]) -> SafeString:
    """Return a line of one bar a day, silent to screen readers: the number beside it says how many there were."""
    most = max(days, default=0)
    if not most:
        return SafeString("")
    path = "".join(
        [
            f"M{place * SPARK_STEP + 1} {SPARK_HEIGHT}v-{max(1.0, SPARK_HEIGHT * count / most):.1f}"
            for place, count in enumerate(days)
            if count
        ]
    )
    width = len(days) * SPARK_STEP
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true" focusable="false">'
        '<path class="spark-base" d="M0 {}h{}"/><path d="{}"/></svg>',
        width, SPARK_HEIGHT, width, SPARK_HEIGHT, SPARK_HEIGHT - 0.5, width, path,
    )  # fmt: skip


@register.filter
def number(value: int) -> str:
    """Return a whole number with its thousands apart: `1,204`."""
    return number_format(value, force_grouping=True)


@register.filter
def breakable(address: str) -> SafeString:
    """Return an email address that breaks before its @, and not in a word, where a line is too short for it."""
    local, at, domain = address.partition("@")
    return format_html("{}<wbr>{}{}", local, at, domain)


@register.filter
def minus(value: int, other: int) -> int:
    return value - other


@register.filter
def moment(value: datetime) -> SafeString:
    """Return a moment as `6 Dec 2026, 14:05 UTC`."""
    return as_time(value, _("%(day)s, %(time)s UTC") % {"day": day(value), "time": f"{value.astimezone(UTC):%H:%M}"})


@register.filter
def moment_exact(value: datetime) -> SafeString:
    """Return a moment to the second, as `6 Dec 2026, 14:05:09 UTC`."""
    return as_time(value, _("%(day)s, %(time)s UTC") % {"day": day(value), "time": f"{value.astimezone(UTC):%H:%M:%S}"})


@register.filter
def duration(seconds: float) -> str:
    """Return how long something took, as one reads it: `12 ms`, `1.25 s`, `95 s`."""
    if seconds < MIN_SHOWN:
        return _("under 1 ms")
    if round(seconds * 1000) < 1000:
        return _("%(number)s ms") % {"number": number_format(round(seconds * 1000))}
    decimals = 2 if seconds < MINUTE else 0
    # Rounded first: number_format cuts off.
    return _("%(number)s s") % {"number": number_format(round(seconds, decimals), decimals)}


@register.filter
def expiry(value: datetime) -> SafeString:
    """Return when a token ends. One that ends at midnight works through the day before, which is what people read."""
    last_day = value.astimezone(UTC) - timedelta(microseconds=1)
    if value.astimezone(UTC).time() == time():
        return as_time(value, _("end of %(day)s UTC") % {"day": day(last_day)})
    return moment(value)


@register.filter
def day(value: datetime) -> str:
    """Return the day in UTC as `6 Dec 2026`."""
    value = value.astimezone(UTC)
    # What date_format makes of "j M Y", in a fifth of its time: a list shows dozens.
    return f"{value.day} {MONTHS_3[value.month].title()} {value.year}"


@register.filter
def away(value: datetime, now: datetime) -> str:
    """Return how far a moment is from now: `in 12 days`, `3 hours ago`, `just now`."""
    seconds = (value - now).total_seconds()
    amount = spell(abs(seconds))
    if amount is None:
        return _("in less than a minute") if seconds > 0 else _("just now")
    return _("in %(amount)s") % {"amount": amount} if seconds > 0 else _("%(amount)s ago") % {"amount": amount}


@register.filter
def since(value: datetime, now: datetime) -> str:
    """Return how long ago a moment was, alone: `62 days`."""
    return spell((now - value).total_seconds()) or _("less than a minute")


def spell(seconds: float) -> str | None:
    """Return a length of time in its largest fitting unit, to the nearest; None for less than a minute.

    Hours up to two days: “in 1 day” may mean too little time to anybody who has to act by then.
    """
    if seconds < MINUTE:
        return None
    if (count := round(seconds / MINUTE)) < 60:
        return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}
    if (count := round(seconds / HOUR)) < 48:
        return ngettext("%(count)d hour", "%(count)d hours", count) % {"count": count}
    count = round(seconds / DAY)
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


def as_time(value: datetime, text: str) -> SafeString:
    exact = format_time(value, "seconds")
    return format_html('<time datetime="{}">{}</time>', exact, text)


@register.filter
def control(field: BoundField, focus: str = "") -> SafeString:
    """Return a form field of allauth or Django as Bootstrap styles it; its label stands outside, so no placeholder."""
    classes = "form-control is-invalid" if field.errors else "form-control"
    return field.as_widget(attrs={"class": classes, "placeholder": False, "autofocus": bool(focus)})


@register.filter
def initials(name: str) -> str:
    """Return the first letters of the first two words, as a stand-in for a picture."""
    return "".join(word[0] for word in name.split()[:2]).upper()
