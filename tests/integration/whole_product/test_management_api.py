"""The guide's commands against a running server, and a program that renews its own token without a failed request."""

import http.client
import json
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from settings_for_tests import ON_POSTGRESQL
from stack import Stack, basic, running

GUIDE = Path(__file__).parents[3] / "docs/integrators/management-api.md"
FOLLOW = "requests/follow"
pytestmark = pytest.mark.timeout(600)


def management_token(stack: Stack, *options: str) -> tuple[str, str]:
    made = stack.simsim("management-token", "create", "--name", "Guide", "--expires", "90d", *options)
    return made["username"], made["password"]


def ask(stack: Stack, method: str, path: str, body: Any, auth: tuple[str, str], **headers: str) -> Any:
    connection = http.client.HTTPConnection("localhost", stack.console_port, timeout=20)
    sent = basic(auth) | {"Content-Type": "application/json"} | headers
    connection.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, sent)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    assert answer.status < 300, found
    return found


@pytest.mark.covers("B7", "B15", "B22")
def test_every_command_of_the_guide_works(stack: Stack) -> None:
    account = ("--as", "alice@acme.example")
    token = stack.create_token("For the guide")
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 7
    create, *rest = (block for block in blocks if FOLLOW not in block)
    made = stack.simsim(*shlex.split(create)[1:])
    assert made["scopes"] == ["tokens"]
    values = {
        "MANAGEMENT": ":".join(management_token(stack, *account)),
        "OPERATOR": ":".join(management_token(stack, "--scope", "operator")),
        "SIMSIM_PASSWORD": token["password"],
        "SIMSIM": f"http://localhost:{stack.console_port}/api/v1",
        "ACCOUNT": stack.account,
    }
    script = "set -e\n" + "\n".join(rest)
    for name in ("SIMSIM", "ACCOUNT"):
        script, number = re.subn(
            rf"^export {name}=.*$", f"export {name}={shlex.quote(values[name])}", script, flags=re.M
        )
        assert number == 1
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": "/usr/bin:/bin"} | values, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"reason"' not in done.stderr
    assert '"status":"revoked"' in done.stdout
    assert '"email":"peter@initech.example"' in done.stdout


@pytest.mark.covers("B7", "R17")
def test_the_guide_s_command_follows_the_log_while_others_are_served(stack: Stack) -> None:
    token = stack.create_token("Followed")
    [command] = re.findall(rf"```sh\n(curl .*{FOLLOW}.*)\n```", GUIDE.read_text(encoding="utf-8"))
    manager = management_token(stack, "--as", "alice@acme.example")
    values = {"MANAGEMENT": ":".join(manager), "SIMSIM": f"http://localhost:{stack.console_port}/api/v1"}
    following = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "ACCOUNT": stack.account} | values,
    )  # fmt: skip
    try:
        assert following.stdout is not None
        assert following.stdout.readline() == "retry: 2000\n"
        assert stack.get("/api/v2/nowhere", auth=(token["username"], token["password"])).status == 404
        # The worker may ship the requests of other tests meanwhile.
        seen = next(row for row in followed_rows(following.stdout) if row["token_id"] == token["id"])
        assert (seen["resource"], seen["status"]) == ("/api/v2/nowhere", 404)
        found = ask(stack, "GET", f"/accounts/{stack.account}/requests?token={token['id']}", None, manager)
        assert found["items"] == [seen]
    finally:
        following.kill()
        following.communicate()


def followed_rows(stream: IO[str]) -> Iterator[Any]:
    """Yield the rows of the log that a stream sends, and fail on a line of another kind."""
    for line in stream:
        if line == "event: request\n":
            yield json.loads(stream.readline().removeprefix("data: "))
        else:
            assert line[:2] in {"\n", ": ", "id"}, line


@pytest.mark.covers("B2", "B15")
def test_a_program_rotates_its_token_and_no_request_of_it_fails(stack: Stack) -> None:
    manager = management_token(stack, "--as", "alice@acme.example")
    ask(stack, "PATCH", f"/accounts/{stack.account}", {"programs_may_rotate": True}, manager, **{"If-Match": "*"})
    token = stack.create_token("Renews itself")
    credentials = [(token["username"], token["password"])]
    statuses: list[int] = []
    ended = threading.Event()

    def call() -> None:
        while not ended.is_set():
            statuses.append(stack.get("/api/v2/entities", auth=credentials[-1]).status)

    caller = threading.Thread(target=call)
    caller.start()
    for number in range(3):
        key = {"Idempotency-Key": f"renewal-{number}"}
        rotated = ask(stack, "POST", "/self/rotate", {"overlap_seconds": 60}, credentials[-1], **key)
        credentials.append((rotated["username"], rotated["password"]))
    before = len(statuses)
    stack.wait_until(lambda: len(statuses) > before + 20, "the program goes on")
    ended.set()
    caller.join()
    assert set(statuses) == {200}
    assert len({password for _, password in credentials}) == 4


@pytest.mark.covers("B15", "B9")
def test_the_gateway_announces_an_expiry_in_the_last_days_and_nobody_can_forge_it(stack: Stack) -> None:
    for expires, is_told in (("10d", True), ("30d", False)):
        token = stack.create_token(f"Announced {expires}", expires=expires)
        auth = (token["username"], token["password"])
        sent = {"X-Simsim-Token-Expires": "2099-01-01T00:00:00Z"}
        for path, status in (("/api/v2/entities", 200), ("/api/v2/nowhere", 404)):
            answer = stack.get(path, auth=auth, headers=sent)
            told = answer.headers.get_all("X-Simsim-Token-Expires")
            assert (answer.status, told) == (status, [token["expires_at"][:19] + "Z"] if is_told else None)
            assert not [name for name in answer.headers if name.lower().startswith("x-simsim-")][is_told:]
    assert stack.get("/api/v2/entities").headers.get("X-Simsim-Token-Expires") is None


@pytest.mark.covers("B15", "B22")
def test_a_password_alone_works_with_the_commands_of_the_page_about_oauth(tmp_path: Path) -> None:
    settings = {"SIMSIM_ACCEPT_BEARER": "true", "SIMSIM_OAUTH_ENDPOINTS": "true", "SIMSIM_ANNOUNCE_EXPIRY": "false"}
    with running(tmp_path, on_postgresql=ON_POSTGRESQL, settings=settings) as stack:
        token = stack.create_token("For a gateway", expires="3d")
        bearer = {"Authorization": f"Bearer {token['password']}"}
        answer = stack.get("/api/v2/entities", headers=bearer)
        assert (answer.status, answer.headers.get("X-Simsim-Token-Expires")) == (200, None)
        assert stack.get("/api/v2/entities", headers={"Authorization": f"Bearer {token['password']}x"}).status == 401
        introspect, revoke = re.findall(
            r"```sh\n(.*?)```", GUIDE.with_name("oauth.md").read_text(encoding="utf-8"), re.DOTALL
        )
        values = {
            "MANAGEMENT": ":".join(management_token(stack, "--as", "alice@acme.example")),
            "SIMSIM": f"http://localhost:{stack.console_port}/api/v1",
            "SIMSIM_PASSWORD": token["password"],
        }
        said = [
            subprocess.run(
                ["bash", "-c", script], env={"PATH": "/usr/bin:/bin"} | values, capture_output=True, text=True,
                check=True, timeout=20,
            ).stdout
            for script in (introspect, revoke, introspect)
        ]  # fmt: skip
        assert (json.loads(said[0])["sub"], said[1:]) == (token["id"], ["", '{"active":false}'])
        assert stack.get("/api/v2/entities", headers=bearer).status == 401


@pytest.mark.covers("R13", "B7")
def test_a_management_token_is_refused_by_the_gateway(stack: Stack) -> None:
    username, password = management_token(stack, "--as", "alice@acme.example")
    for name in (username, stack.account):
        assert stack.get("/api/v2/entities", auth=(name, password)).status == 401
