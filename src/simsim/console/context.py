"""What the frame of every page shows: the account, the others that one may switch to, and the way to help."""

from django.http import HttpRequest

from simsim.console.help import help_url
from simsim.console.place import place_of


def place(request: HttpRequest) -> dict[str, object]:
    found = place_of(request)
    return {"place": found, "help_url": help_url(found.section)}
