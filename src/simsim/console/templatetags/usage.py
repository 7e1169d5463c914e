"""Durations and shares as the usage page tells them."""

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from simsim.console.templatetags.console import duration
from simsim.console.usage.charts import SHARES
from simsim.request_log.usage.report import Usage

register = template.Library()
MIN_PERCENT = 0.1


@register.filter
def within(usage: Usage, name: str) -> str | SafeString:
    """Return within which time so many of the requests were answered, such as `p95`; a dash when nobody knows."""
    seconds = usage.within(SHARES[name])
    if seconds is not None:
        return duration(seconds)
    return format_html('<span class="muted"><span aria-hidden="true">–</span><span class="visually-hidden">{}</span></span>', _("Unknown"))  # fmt: skip  # noqa: E501


@register.filter
def percent_of(part: int, whole: int) -> str:
    """Return a share in percent: `0 %`, `under 0.1 %`, `3.4 %`, `100 %`."""
    percent = 100 * part / whole if whole else 0
    if 0 < percent < MIN_PERCENT:
        return _("under %(number)s %%") % {"number": number_format(MIN_PERCENT, 1)}
    # All of them, and only all of them, are 100 %.
    percent = min(round(percent, 1), 99.9) if part < whole else percent
    return _("%(number)s %%") % {"number": number_format(percent, 0 if percent == round(percent) else 1)}
