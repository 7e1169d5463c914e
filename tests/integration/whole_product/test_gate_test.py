"""*Test it now* from end to end: the console asks a real gate, and every view of the log says where that came from."""

import csv
import io

import pytest

import preloaded
from console_session import Browser
from page_reading import folded
from stack import Stack

NAME = "Test from the console"
pytestmark = pytest.mark.timeout(600)


@pytest.mark.covers("R11", "R17", "B9")
@pytest.mark.parametrize(
    ("allow", "outcome", "status", "said"),
    [
        ((), "accepted", 204, "was tested from the console, and the gate accepted it"),
        (("--allow", "198.51.100.0/24"), "refused", 401, "The address 127.0.0.1 is not in the"),
    ],
)
def test_test_from_the_console_is_called_so_wherever_the_log_is_read(
    stack: Stack, allow: tuple[str, ...], outcome: str, status: int, said: str
) -> None:
    token, alice = stack.create_token(f"Tested, {outcome}", *allow), Browser(stack)
    account = f"/accounts/{stack.account}/"
    address = f"{account}tokens/{token['id']}/"
    alice.send(f"{address}test/", alice.read(address), {})
    stack.wait_until(lambda: stack.log_rows(token=token["id"]), "the test is in the log")
    (row,) = stack.log_rows(token=token["id"])
    assert (row["method"], row["resource"], row["outcome"], row["status"]) == ("", NAME, outcome, status)
    assert said in row["detail"]

    logs = f"{account}logs/"
    listed = folded(alice.read(f"{logs}?token={token['id']}"))
    shown = folded(alice.read(f"{logs}{row['id']}/"))
    for page in (listed, shown):
        assert NAME in page
        assert "/gate/" not in page
    assert "Outcome unknown</span>" not in listed
    assert said in shown
    (exported,) = csv.DictReader(io.StringIO(alice.read(f"{logs}export/?format=csv&token={token['id']}")))
    assert (exported["resource"], exported["outcome"]) == (NAME, outcome)
    command = ("log", "list", "--account", stack.account, "--token", token["id"])
    assert NAME in preloaded.run(command, env=stack.environment).stdout


@pytest.mark.covers("R17")
def test_callers_request_never_looks_like_a_test_from_the_console(stack: Stack) -> None:
    token = stack.create_token("Forged")
    auth = (token["username"], token["password"])
    claims = {"X-Forwarded-Uri": NAME, "X-Original-Uri": NAME, "X-Forwarded-Method": " ", "X-Original-Method": " "}
    for path in ("/gate/console-test", "/gate/verify", f"/{NAME.replace(' ', '%20')}"):
        stack.get(path, auth=auth, headers=claims)
    stack.wait_until(lambda: len(stack.log_rows(token=token["id"])) == 3, "the requests are in the log")
    rows = stack.log_rows(token=token["id"])
    assert {row["method"] for row in rows} == {"GET"}
    assert all(row["resource"].startswith("/") for row in rows)
    assert not any("from the console" in row["detail"] for row in rows)
