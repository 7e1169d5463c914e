"""Access to the operator's pages: anybody else finds no such page."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from simsim.accounts.models import User
from simsim.accounts.operators import permit_operator
from simsim.accounts.permissions import Actor, actor_of
from simsim.problem import NotFound

Parameters = ParamSpec("Parameters")
# The interval at which pages refresh; the template passes it to htmx.
EVERY_SECONDS = 15


@dataclass(frozen=True)
class OperatorAccess:
    """An operator's request for a page, and `now`, the time for the page."""

    request: HttpRequest
    actor: Actor
    now: datetime

    def page(self, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """Return one of the operator's pages; `name` is also the name of its tab."""
        shared = {"tab": name, "now": self.now, "every_seconds": EVERY_SECONDS}
        return render(self.request, f"console/operators/{name}.html", shared | context, status=status)


def for_operators(
    view: Callable[Concatenate[OperatorAccess, Parameters], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]:
    """Admit only operators of the installation; raise NotFound for everybody else who is signed in."""

    @functools.wraps(view)
    def entered(request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated and request.headers.get("HX-Request"):
            # htmx would follow a redirect and put the sign-in page into the page that refreshes.
            return HttpResponseClientRefresh()
        return signed_in(request, *args, **kwargs)

    @login_required
    def signed_in(request: HttpRequest, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponseBase:
        if not isinstance(request.user, User):
            raise NotFound
        actor = actor_of(request.user)
        permit_operator(actor)
        return view(OperatorAccess(request, actor, timezone.now()), *args, **kwargs)

    return entered
