"""The Python client against a running server: the day of a script, and of a back office."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from simsim import client
from simsim.client import AsyncSimsim, Simsim
from stack import Stack

GUIDE = Path(__file__).parents[3] / "docs/integrators/clients.md"
pytestmark = pytest.mark.timeout(600)


def credentials(stack: Stack, *options: str) -> Any:
    made = stack.simsim("management-token", "create", "--name", "Client", "--expires", "90d", *options)
    return {"username": made["username"], "password": made["password"]}


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Any:
    return credentials(stack, "--as", "alice@acme.example", "--scope", "tokens", "--scope", "people")


def url(stack: Stack) -> str:
    return f"http://localhost:{stack.console_port}"


@pytest.mark.covers("B7")
def test_a_script_does_an_administrators_work(stack: Stack, alice: Any) -> None:
    with Simsim(url(stack), **alice) as api:
        (account,) = api.iterate_accounts()
        token = api.create_token(account.id, name="By the client", expires="90d", idempotency_key="client-1")
        assert token == api.create_token(account.id, name="By the client", expires="90d", idempotency_key="client-1")
        assert abs(token.expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(days=1)
        assert stack.ask_gate({"username": token.username, "password": token.password}) == 204
        # Until the worker has shipped that use, the token changes between one reading and the next.
        stack.wait_until(lambda: api.get_token(account.id, token.id).last_used_at, "the use is shown")

        edited = api.edit_token(account.id, token.id, if_match=token.etag, description="Night load")
        with pytest.raises(client.PreconditionFailed):
            api.edit_token(account.id, token.id, if_match=token.etag, description="Overwritten")
        assert api.get_token(account.id, token.id) == edited
        assert token.id in [each.id for each in api.iterate_tokens(account.id, status="active", limit=1)]

        rotated = api.rotate_token(account.id, token.id, overlap_seconds=60)
        assert rotated.password == api.show_credentials(account.id, token.id).password != token.password
        assert api.pause_token(account.id, token.id, until="2h").status == "paused"
        assert api.resume_token(account.id, token.id).status == "active"
        tried = api.preview_networks(account.id, token.id, allowed_networks=["203.0.113.0/24"])
        assert tried.excluded_requests == tried.requests  # the worker may have shipped the one above, or not
        assert api.revoke_token(account.id, token.id, reason="replaced").status == "revoked"
        with pytest.raises(client.Conflict) as caught:
            api.edit_token(account.id, token.id, if_match="*", name="Too late")
        assert caught.value.slug == "token-not-active"

        notices = api.get_notices(account.id)
        assert api.set_notices(account.id, if_match=notices.etag, early_days=[14]).early_days == (14,)
        person = api.invite_person(account.id, email="erin@acme.example", role="member")
        api.change_role(account.id, person.id, role="administrator", if_match=person.etag)
        assert [each.role for each in api.list_people(account.id).items if each.id == person.id] == ["administrator"]
        api.remove_person(account.id, person.id)
        assert {each.event for each in api.iterate_audit_events(account.id)} >= {"token.created", "token.revoked"}
        with pytest.raises(client.NotFound):
            api.get_account(stack.other_account)
        with pytest.raises(client.Invalid) as invalid:
            api.create_token(account.id, name="", expires="2027-02-30")
        assert {each.field for each in invalid.value.errors} >= {"name"}


@pytest.mark.covers("B22")
def test_the_guides_programs_run(stack: Stack, alice: Any, tmp_path: Path) -> None:
    operator = credentials(stack, "--scope", "operator")
    for words, signed in (("expires soon", alice), ("asyncio", operator), ("PreconditionFailed", alice)):
        (text,) = [block for block in programs() if words in block]
        program = text.replace("https://console.example.com", url(stack))
        settings = {"SIMSIM_MANAGEMENT_TOKEN": f"{signed['username']}:{signed['password']}"}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], env=dict(os.environ) | settings, cwd=tmp_path,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), words


def programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.covers("B7")
def test_a_back_office_and_a_program_use_the_client_in_a_loop(stack: Stack) -> None:
    token = stack.create_token("In a loop")

    async def main() -> tuple[Any, Any]:
        async with AsyncSimsim(url(stack), **credentials(stack, "--scope", "operator")) as api:
            account = await api.create_account(name="Umbrella", external_id="crm-1")
            assert account.id == (await api.create_account(name="Umbrella", external_id="crm-1")).id
            await api.invite_person(account.id, email="albert@umbrella.example", role="administrator")
            found = [each.name async for each in api.iterate_accounts(limit=2)]
        async with AsyncSimsim(url(stack), username=token["username"], password=token["password"]) as own:
            return found, await own.get_own_token()

    names, own = anyio.run(main)
    assert {"Acme", "Globex", "Umbrella"} <= set(names)
    assert (own.name, own.account_id) == ("In a loop", stack.account)
