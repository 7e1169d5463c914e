"""The filters of the usage page: percentiles and shares."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from simsim.console.formats import duration, percent_of
from simsim.console.usage.charts import SHARES
from simsim.request_log.usage.report import Usage

register = template.Library()
register.filter(percent_of)
UNKNOWN = '<span class="muted"><span aria-hidden="true">–</span><span class="visually-hidden">{}</span></span>'


@register.filter
def within(usage: Usage, name: str) -> str | SafeString:
    """Return a percentile of the durations by its name, such as `p95`; a dash when it is unknown."""
    seconds = usage.within(SHARES[name])
    return format_html(UNKNOWN, _("Unknown")) if seconds is None else duration(seconds)
