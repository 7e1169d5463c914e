"""Management tokens are listed and revoked from another machine as on the server."""

import json

import pytest

import preloaded
from stack import Stack

pytestmark = pytest.mark.timeout(600)


@pytest.mark.covers("B7")
def test_management_tokens_are_listed_and_revoked_from_another_machine(stack: Stack) -> None:
    def made(name: str) -> dict[str, str]:
        who = ("--as", "alice@acme.example", "--scope", "tokens")
        created: dict[str, str] = stack.simsim("management-token", "create", "--name", name, "--expires", "90d", *who)
        return created

    own, other = made("Remote"), made("Short")
    settings = {
        "PATH": "/usr/bin:/bin",
        "SIMSIM_SERVER": f"http://localhost:{stack.console_port}",
        "SIMSIM_MANAGEMENT_TOKEN": f"{own['username']}:{own['password']}",
    }

    def remote(*arguments: str) -> tuple[int, str, str]:
        done = preloaded.run(["management-token", *arguments], env=settings)
        return done.returncode, done.stdout, done.stderr

    revoked = json.loads(remote("revoke", other["id"], "--json")[1])
    assert (revoked["id"], revoked["status"], revoked["revoked_by"]) == (other["id"], "revoked", "alice@acme.example")
    found = json.loads(remote("list", "--json")[1])
    assert found == stack.simsim("management-token", "list", "--account", stack.account)
    assert {own["id"], other["id"]} <= {each["id"] for each in found["items"]}
    status, _, told = remote("revoke", stack.account)
    assert (status, f"No management token has the id “{stack.account}”" in told) == (3, True)
