"""Test it now: one real question to the gate, with the token's own credentials and the browser's address."""

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from simsim.console.place import Visit, for_administrators, located
from simsim.console.tokens.details import token_page
from simsim.gate.question import GateAnswer, ask
from simsim.tokens.actions import try_credentials
from simsim.tokens.selectors import find_token


@dataclass(frozen=True)
class Trial:
    """What the gate said, None when none answered, and from which address it was asked."""

    verdict: GateAnswer | None
    address: str | None


@require_POST
@for_administrators
def try_now(visit: Visit, token_id: uuid.UUID) -> HttpResponse:
    """Ask the gate and say what happened; the password goes to the gate alone."""
    token = find_token(token_id, actor=visit.actor, account=visit.account)
    credentials = try_credentials(actor=visit.actor, token=token, now=visit.now)
    address = located(visit.request).address
    verdict = ask(
        settings.OPERATOR.gate_socket,
        username=credentials.username,
        password=credentials.password,
        address=address.text if address else None,
    )
    trial = Trial(verdict, address.text if address else None)
    if visit.request.headers.get("HX-Request"):
        context = {"trial": trial, "account": visit.account, "token": token}
        return render(visit.request, "console/tokens/parts/trial.html", context)
    return token_page(visit, token, trial=trial)
