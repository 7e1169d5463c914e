"""The filter of the operator's pages: sizes in words, as `simsim status` has them."""

from django import template

from simsim.health.sentences import in_bytes

register = template.Library()
register.filter(in_bytes)
