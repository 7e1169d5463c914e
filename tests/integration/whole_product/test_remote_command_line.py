"""The command line from another machine prints what it prints on the server."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import preloaded
from documented_examples import example
from stack import BIN, Stack

pytestmark = pytest.mark.timeout(300)
Done = subprocess.CompletedProcess[str]
Simsim = Callable[..., Done]
AS = ("--as", "alice@acme.example")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SECRET = re.compile(r"sim_\w{49}|(?<=http://localhost:)\S+|(?<=code {8})[0-9]{6}")


def remote(stack: Stack, *options: str) -> Simsim:
    """Return the command line on a machine that has nothing but the server's address and a management token."""
    made = stack.simsim("management-token", "create", "--name", "Remote", "--expires", "90d", *options)
    settings = {
        "PATH": "/usr/bin:/bin",
        "SIMSIM_SERVER": f"http://localhost:{stack.console_port}",
        "SIMSIM_MANAGEMENT_TOKEN": f"{made['username']}:{made['password']}",
    }
    return lambda *arguments, **more: preloaded.run(arguments, env=settings | more, cwd=Path("/"))


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Simsim:
    return remote(stack, *AS, "--scope", "tokens", "--scope", "people")


@pytest.fixture(scope="module")
def operator(stack: Stack) -> Simsim:
    return remote(stack, "--scope", "operator")


@pytest.fixture(scope="module")
def here(stack: Stack) -> Simsim:
    return lambda *arguments: preloaded.run(arguments, env=stack.environment)


def same(text: str) -> str:
    """Return an output without what differs each time."""
    return SECRET.sub("<secret>", TIME.sub("<time>", UUID.sub("<id>", text)))


def life_of_a_token(simsim: Simsim, account: str) -> list[tuple[list[str], str]]:
    """Return each command of a script, and what it printed."""
    printed = []

    def run(*arguments: str) -> str:
        done = simsim(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        printed.append(([same(each) for each in arguments], same(done.stdout)))
        return done.stdout

    made = run(
        "token", "create", "--account", account, *AS, "--name", "Both ways", "--expires", "2030-01-31", "--software",
        "power-bi", "--allow", "203.0.113.0/24", "--description", "A report", "--json",
    )  # fmt: skip
    token = json.loads(made)["id"]
    for words in (
        "edit --software= --report-only --allow-any --description=", "edit --name Both2", "rotate --overlap 1h",
        "end-overlap", "pause --until 2030-01-01 --reason Holidays", "resume", "credentials", "hand-over --with-code",
        "revoke --reason replaced",
    ):  # fmt: skip
        verb, *options = words.split()
        run("token", verb, token, *AS, *options)
    run("token", "show", token, "--json")
    return printed


@pytest.mark.covers("B7")
def test_a_script_prints_the_same_both_ways(stack: Stack, here: Simsim, alice: Simsim) -> None:
    on_server = life_of_a_token(here, stack.account)
    from_afar = life_of_a_token(alice, stack.account)
    assert len(on_server) == 11
    for expected, found in zip(on_server, from_afar, strict=True):
        assert found == expected


def reads(stack: Stack, token: str) -> list[tuple[str, ...]]:
    account = ("--account", stack.account)
    return [
        ("token", "list", *account), ("token", "list", *account, "--status", "active"), ("token", "show", token),
        ("token", "export", *account), ("log", "list", *account, "--token", token), ("user", "list", *account),
        ("log", "list", *account, "--since", "2026-01-01", "--outcome", "accepted", "--limit", "2"),
        ("audit", "list", *account, "--event", "token.*", "--limit", "3"), ("software", "list"),
    ]  # fmt: skip


@pytest.mark.covers("B7")
def test_lists_are_the_same_both_ways(stack: Stack, here: Simsim, alice: Simsim, operator: Simsim) -> None:
    token = stack.create_token("Listed")
    for _ in range(3):
        assert stack.get("/api/v2/entities", auth=(token["username"], token["password"])).status == 200
    logged = ("log", "list", "--account", stack.account, "--token", token["id"])
    stack.wait_until(lambda: len(stack.simsim(*logged)["items"]) == 3, "the log is shipped")
    cases = [(alice, each) for each in reads(stack, token["id"])]
    cases += [(operator, each) for each in (("account", "list"), ("user", "list", "--account", stack.account))]
    for simsim, arguments in cases:
        expected, found = here(*arguments, "--json"), simsim(*arguments, "--json")
        assert (found.returncode, found.stdout) == (0, expected.stdout), (arguments, found.stderr)
        assert len(found.stdout) > 40, arguments
    for arguments in (("log", "list", "--account", stack.account, "--limit", "2"), ("user", "list", *cases[0][1][2:])):
        expected, found = here(*arguments), alice(*arguments)
        assert (found.stdout, found.stderr) == (expected.stdout, expected.stderr), arguments
    # The management token knows its account, and who acts.
    assert alice("token", "list").stdout == here("token", "list", "--account", stack.account).stdout


@pytest.mark.covers("B7")
def test_a_back_office_works_from_afar(stack: Stack, operator: Simsim, here: Simsim) -> None:
    def made(*arguments: str) -> "dict[str, object]":
        done = operator(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    account = str(made("account", "ensure", "Soylent", "--external-id", "crm-7")["id"])
    assert made("account", "ensure", "Soylent", "--external-id", "crm-7")["created"] is False
    assert here("account", "ensure", "Soylent", "--external-id", "crm-7", "--json").stdout == (
        operator("account", "ensure", "Soylent", "--external-id", "crm-7", "--json").stdout
    )
    person = ("sol@soylent.example", "--account", account)
    invited = made("user", "invite", *person, "--role", "administrator")
    assert invited | {"id": 0} == {"id": 0, "email": person[0], "account_id": account, "role": "administrator"}
    made("user", "invite", "tab@soylent.example", "--account", account, "--role", "administrator")
    assert made("user", "role", *person, "--role", "member")["role"] == "member"
    assert made("user", "remove", *person)["removed"] is True
    assert operator("user", "remove", *person).stderr == here("user", "remove", *person).stderr
    assert made("software", "add", "grafana-two", "Grafana Two") == {"slug": "grafana-two", "name": "Grafana Two"}
    assert UUID.fullmatch(str(made("account", "create", "Wonka")["id"]))


def test_failures_are_the_same_both_ways(stack: Stack, here: Simsim, alice: Simsim) -> None:
    missing, account = "0" * 8 + "-0000-4000-8000-" + "0" * 12, ("--account", stack.account)
    for arguments in (
        ("token", "show", missing), ("token", "revoke", missing, *AS), ("token", "list", "--account", missing),
        ("token", "create", *account, *AS, "--name", "N", "--expires", "2027-02-30"),
        ("token", "rotate", missing, *AS, "--overlap", "soon"),
        ("log", "list", *account, "--cursor", "nonsense"), ("token", "list", "--status", "new", *account),
    ):  # fmt: skip
        more = ["--json"] if "--name" in arguments else []
        expected, found = here(*arguments, *more), alice(*arguments, *more)
        said = found.stderr.replace(
            "simsim: --as is not used with --server: the management token acts as the administrator who created it\n",
            "",
        )
        assert (found.returncode, found.stdout, said) == (expected.returncode, "", expected.stderr), arguments


def test_verbs_of_the_server_say_so(stack: Stack, alice: Simsim) -> None:
    for arguments in (("backup",), ("serve",), ("keys", "rotate"), ("user", "create"), ("scan", "/")):
        done = alice(*arguments)
        verb = " ".join(arguments[:2] if arguments[0] in {"keys", "user"} else arguments[:1])
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith(f"simsim: “simsim {verb}” works on the server only: ")
    assert alice("backup", "--help").returncode == 0


def test_the_management_token_comes_from_the_environment_or_a_file(stack: Stack, alice: Simsim, tmp_path: Path) -> None:
    made = stack.simsim("management-token", "create", *AS, "--name", "File", "--expires", "90d")
    secret = tmp_path / "secret"
    secret.write_text(f"{made['username']}:{made['password']}\n")
    text = example("docs/operators/command-line.md", "--server").text
    script = text.replace("~/.config/simsim/management-token", str(secret))
    script = script.replace("https://console.example.com", f"http://localhost:{stack.console_port}")
    done = subprocess.run(
        ["bash", "-ec", script], env={"PATH": f"{BIN}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("id\tname\tstatus")
    in_file = {"SIMSIM_MANAGEMENT_TOKEN": "", "SIMSIM_MANAGEMENT_TOKEN_FILE": str(secret)}
    assert alice("software", "list", **in_file).returncode == 0
    for settings, status, said in (
        ({"SIMSIM_MANAGEMENT_TOKEN": ""}, 1, "set SIMSIM_MANAGEMENT_TOKEN, or SIMSIM_MANAGEMENT_TOKEN_FILE, to"),
        ({"SIMSIM_MANAGEMENT_TOKEN": "nonsense"}, 1, "must be username:password"),
        (in_file | {"SIMSIM_MANAGEMENT_TOKEN_FILE": "/nowhere"}, 1, "SIMSIM_MANAGEMENT_TOKEN_FILE can't be read"),
        ({"SIMSIM_MANAGEMENT_TOKEN": "a:wrong"}, 5, "credentials"),
        ({"SIMSIM_SERVER": "http://console.example.com"}, 2, "use https"),
        ({"SIMSIM_SERVER_CA": "/nowhere"}, 1, "SIMSIM_SERVER_CA can't be read"),
    ):
        done = alice("software", "list", **settings)
        assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr
        assert said in done.stderr
    away = alice("software", "list", SIMSIM_SERVER="http://localhost:9")
    assert (away.returncode, "no answer from the server" in away.stderr) == (6, True)
