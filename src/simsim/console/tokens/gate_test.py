"""*Test it now*: a real request to the gate with the token's own credentials and the browser's address."""

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from simsim.accounts.client_address import located
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.tokens.details import token_page
from simsim.gate.question import GateAnswer, ask
from simsim.tokens.actions import try_credentials
from simsim.tokens.selectors import find_token


@dataclass(frozen=True)
class GateTest:
    """The gate's answer, or None if there was none, and the address that the gate was asked about."""

    answer: GateAnswer | None
    address: str | None


@require_POST
@for_administrators
def test_now(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Ask the gate and show its answer; the password is sent only to the gate."""
    token = find_token(token_id, actor=access.actor, account=access.account)
    credentials = try_credentials(actor=access.actor, token=token, now=access.now)
    address = located(access.request).address
    answer = ask(
        settings.OPERATOR.gate_socket,
        username=credentials.username,
        password=credentials.password,
        address=address.text if address else None,
    )
    gate_test = GateTest(answer, address.text if address else None)
    if access.request.headers.get("HX-Request"):
        context = {"gate_test": gate_test, "account": access.account, "token": token}
        return render(access.request, "console/tokens/parts/gate_test.html", context)
    return token_page(access, token, gate_test=gate_test)
