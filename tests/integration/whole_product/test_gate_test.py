"""*Test it now* from end to end: the console asks a real gate, and every view of the log says where that came from."""

import csv
import io
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest

import preloaded
from page_reading import folded
from stack import PASSWORD, Stack

NAME = "Test from the console"
pytestmark = pytest.mark.timeout(120)


class Browser:
    """A session of Alice's on the console, with its cookies."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.cookies = stack, SimpleCookie()
        page = self.read("/sign-in/login/")
        self.send("/sign-in/login/", page, {"login": "alice@acme.example", "password": PASSWORD}, status=302)

    def read(self, path: str) -> str:
        return self._ask(path, "GET", None, 200)

    def send(self, path: str, page: str, form: dict[str, str], status: int = 200) -> str:
        found = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page)
        assert found
        return self._ask(path, "POST", urlencode({"csrfmiddlewaretoken": found[1]} | form).encode(), status)

    def _ask(self, path: str, method: str, body: bytes | None, status: int) -> str:
        headers = {
            "Host": f"localhost:{self.stack.console_port}",
            "Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = self.stack.get(path, port=self.stack.console_port, headers=headers, method=method, body=body)
        assert answer.status == status, answer.body
        for line in answer.headers.get_all("Set-Cookie", []):
            self.cookies.load(line)
        return answer.body.decode()


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
