"""The tags and filters that every page can use: icons, form fields and the formats of `console.formats`."""

from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.forms import BaseForm, BoundField
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide

from simsim.console import formats
from simsim.console.form_fields import field
from simsim.console.sparkline import sparkline
from simsim.openid_connect.provider import Provider

register = template.Library()
register.simple_tag(sparkline)
register.tag(field)
for _format in (
    formats.number, formats.duration, formats.day, formats.moment, formats.moment_exact, formats.expiry, formats.away,
    formats.since, formats.initials, formats.breakable,
):  # fmt: skip
    register.filter(_format)


@register.simple_tag
@cache
def icon(name: str, size: int = 16) -> Any:
    """Return the icon with that name. Screen readers skip it, and read the text next to it."""
    # Cached, because drawing an icon copies and serialises an XML tree. Without the cache, this would take a third of
    # the time of a page's frame.
    return lucide(name, size=size, aria_hidden="true", focusable="false")


@register.simple_tag
def sign_in_provider() -> Provider | None:
    """Return the operator's OpenID Connect provider, or None."""
    found: Provider | None = settings.PROVIDER
    return found


@register.filter
def minus(value: int, other: int) -> int:
    """Return the difference of two numbers."""
    return value - other


@register.simple_tag
def focused(form: BaseForm, is_from_the_start: bool) -> str:
    """Return the name of the field that gets the focus, or "".

    This is the first invalid field. If there is none, it is the first field, but only for a page that starts with the
    focus in the form.
    """
    fields = [field.name for field in form.visible_fields()]
    wrong = [name for name in fields if name in form.errors]
    if form.non_field_errors():
        # The error may be about a combination, such as email and password. The person then types the password again.
        wrong += [name for name in fields if "password" in name]
    return next(iter(wrong or (fields if is_from_the_start else [])), "")


@register.filter
def control(field: BoundField, focus: str = "") -> SafeString:
    """Return the control of a field of allauth or Django, styled by Bootstrap and without a placeholder."""
    classes = "form-control is-invalid" if field.errors else "form-control"
    return field.as_widget(attrs={"class": classes, "placeholder": False, "autofocus": bool(focus)})
