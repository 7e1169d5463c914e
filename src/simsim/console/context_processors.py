"""The context of every page: its navigation, and the address of its help."""

from django.http import HttpRequest

from simsim.console.help_links import help_url
from simsim.console.navigation import navigation_of


def navigation(request: HttpRequest) -> dict[str, object]:
    found = navigation_of(request)
    return {"navigation": found, "help_url": help_url(found.section)}
