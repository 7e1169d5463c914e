"""What the frame of every page shows: the account that one is in, and the others that one may switch to."""

from django.http import HttpRequest

from simsim.console.place import place_of


def place(request: HttpRequest) -> dict[str, object]:
    return {"place": place_of(request)}
