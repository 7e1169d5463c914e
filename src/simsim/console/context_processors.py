"""The context of every page: its navigation, and the address of its help."""

from django.conf import settings
from django.http import HttpRequest

from simsim.console.help_links import help_url
from simsim.console.navigation import navigation_of


def navigation(request: HttpRequest) -> dict[str, object]:
    found = navigation_of(request)
    is_own = request.path_info.startswith(("/security/", "/sign-in/"))
    portal = {"portal": found.portal, "look": settings.PORTAL} if found.portal else {}
    return portal | {"navigation": found, "help_url": help_url("security" if is_own else found.section)}
