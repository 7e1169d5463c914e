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

pytestmark = pytest.mark.timeout(600)
Done = subprocess.CompletedProcess[str]
Simsim = Callable[..., Done]
AS = ("--as", "alice@acme.example")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NUMBER = re.compile(r'(?<="id": ")\d+|msg_\w+')
HOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")
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
        "power-bi", "--allow", "203.0.113.0/24", "--limit", "GET /api/v2/**", "--description", "A report", "--json",
    )  # fmt: skip
    token = json.loads(made)["id"]
    for words in (
        "edit --software= --report-only --allow-any --description=", "edit --name Both2", "edit --read-only",
        "edit --any-request", "rotate --overlap 1h",
        "end-overlap", "pause --until 2030-01-01 --reason Holidays", "resume", "credentials", "hand-over --with-code",
        "revoke --reason replaced",
    ):  # fmt: skip
        verb, *options = words.split()
        run("token", verb, token, *AS, *options)
    run("token", "show", token, "--json")
    link = json.loads(simsim("token", "hand-overs", token, *AS, "--json").stdout)["items"][0]["id"]
    run("token", "take-back", token, link, *AS)
    run("token", "hand-overs", token, *AS)
    return printed


@pytest.mark.covers("B7")
def test_a_script_prints_the_same_both_ways(stack: Stack, here: Simsim, alice: Simsim) -> None:
    on_server = life_of_a_token(here, stack.account)
    from_afar = life_of_a_token(alice, stack.account)
    assert len(on_server) == 15
    for expected, found in zip(on_server, from_afar, strict=True):
        assert found == expected


def reads(stack: Stack, token: str) -> list[tuple[str, ...]]:
    account = ("--account", stack.account)
    return [
        ("token", "list", *account), ("token", "list", *account, "--status", "active"), ("token", "show", token),
        ("token", "export", *account), ("log", "list", *account, "--token", token), ("user", "list", *account),
        ("log", "list", *account, "--since", "2026-01-01", "--outcome", "accepted", "--limit", "2"),
        ("audit", "list", *account, "--event", "token.*", "--limit", "3"), ("software", "list"),
        ("token", "list", *account, "--search", "Listed"),
        ("token", "allowlist-preview", token, "--allow", "10.0.0.0/8"),
        ("token", "allowlist-suggestion", token), ("token", "limits-preview", token, "--limit", "POST /**"),
        ("token", "limits-suggestion", token), ("token", "emails", *account, "--limit", "2"),
        ("log", "counted", *account, "--status", "401"), ("usage", *account, "--by", "token"), ("usage", *account),
        ("log", "export", *account, "--token", token),
        ("log", "follow", *account, "--token", token, "--after", "0", "--seconds", "5"), ("policy", "show", *account),
        ("policy", "show"), ("notices", "show", *account, *AS), ("account", "show", stack.account),
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
    account = ("--account", stack.account)
    for arguments in (
        ("log", "list", *account, "--limit", "2"), ("user", "list", *account), ("usage", *account, "--by", "token"),
        ("log", "export", *account, "--token", token["id"]),
    ):  # fmt: skip
        expected, found = here(*arguments), alice(*arguments)
        assert (found.stdout, found.stderr) == (expected.stdout, expected.stderr), arguments
    # The management token knows its account, and who acts.
    assert alice("token", "list").stdout == here("token", "list", "--account", stack.account).stdout


def choices_and_webhooks(simsim: Simsim, account: str) -> list[str]:
    """Return what a script printed that changes an account's choices and looks after a webhook."""
    printed: list[str] = []

    def run(*arguments: str) -> "dict[str, str]":
        done = simsim(*arguments, *AS, "--json")
        assert done.returncode == 0, (arguments, done.stderr)
        printed.append(HOOK_SECRET.sub("<secret>", NUMBER.sub("<id>", same(done.stdout))))
        return dict(json.loads(done.stdout))

    where = ("--account", account)
    run("notices", "set", *where, "--audience", "token_expired=creator", "--early-days", "14", "--early-days", "7")
    run("notices", "set", *where, "--no-early-days")
    run("policy", "set", *where, "--max-lifetime", "400", "--retrieval", "creator", "--pause-idle", "90")
    run("policy", "set", *where, "--max-lifetime", "none", "--retrieval", "administrators", "--pause-idle", "none")
    run("account", "self-rotation", account, "--allow")
    run("account", "self-rotation", account, "--forbid")
    made = run(
        "webhook", "add", *where, "--name", "Hook", "--url", "https://hooks.example/", "--event", "token.created"
    )
    hook = made["id"]
    run("webhook", "edit", hook, "--name", "Hook 2", "--event", "token.revoked", "--event", "token.created")
    run("webhook", "rotate", hook)
    run("webhook", "pause", hook)
    run("webhook", "resume", hook)
    test = run("webhook", "test", hook)
    for arguments in (("deliveries", hook), ("resend", test["id"], *AS)):
        done = simsim("webhook", *arguments, "--json")
        assert (done.returncode, test["message_id"] in done.stdout) == (0, True), done.stderr
    run("webhook", "remove", hook)
    return printed


@pytest.mark.covers("B7", "B20")
def test_choices_and_webhooks_are_changed_the_same_both_ways(stack: Stack, here: Simsim, alice: Simsim) -> None:
    on_server, from_afar = choices_and_webhooks(here, stack.account), choices_and_webhooks(alice, stack.account)
    assert len(on_server) == 13
    for expected, found in zip(on_server, from_afar, strict=True):
        assert found == expected
    for arguments in (("webhook", "list"), ("policy", "outside"), ("token-request", "list")):
        account = ("--account", stack.account)
        assert alice(*arguments, *account).stdout == here(*arguments, *account).stdout != ""


@pytest.mark.covers("B7")
def test_management_tokens_are_listed_and_revoked_both_ways(stack: Stack, here: Simsim, alice: Simsim) -> None:
    for simsim, who in ((alice, "alice@acme.example"), (here, "operator")):
        made = stack.simsim("management-token", "create", *AS, "--name", "Short", "--expires", "90d")
        revoked = json.loads(simsim("management-token", "revoke", made["id"], "--json").stdout)
        assert (revoked["id"], revoked["status"], revoked["revoked_by"]) == (made["id"], "revoked", who)
    listed = ("management-token", "list", "--account", stack.account)
    found, expected = alice(*listed, "--json"), here(*listed, "--json")
    assert same(found.stdout) == same(expected.stdout)
    assert "Short" in found.stdout
    missing = alice("management-token", "revoke", stack.account)
    assert (missing.returncode, missing.stderr.count(f"No management token has the id “{stack.account}”")) == (3, 1)


@pytest.mark.covers("B7", "B22")
def test_the_operator_sees_the_same_from_afar(stack: Stack, operator: Simsim, here: Simsim) -> None:
    def told(simsim: Simsim, *arguments: str) -> tuple[int, list[str]]:
        """Return the exit status, and what was printed without sizes, counts and times."""
        done = simsim(*arguments)
        assert done.stdout, done.stderr
        return done.returncode, re.sub(r"[0-9][0-9.:,]*( [KMG]?i?B| s| min| h)?", "<n>", same(done.stdout)).split("\n")

    for verb in ("status", "stored-data", "doctor"):
        assert told(operator, verb) == told(here, verb)
    for verb in ("status", "stored-data", "doctor"):
        there, by_hand = (json.loads(simsim(verb, "--json").stdout) for simsim in (operator, here))
        assert list(there) == list(by_hand)
    stack.create_token("Mailed")
    listed = ("mail", "list", "--limit", "1", "--json")
    (mail,), (same_mail,) = (json.loads(simsim(*listed).stdout)["items"] for simsim in (operator, here))
    assert (list(mail), mail["id"]) == (list(same_mail), same_mail["id"])
    assert json.loads(operator("mail", "retry", str(mail["id"]), "--json").stdout).keys() == mail.keys()
    for arguments in (("mail", "retry", "999999"), ("software", "retire", "no-such")):
        expected, found = here(*arguments), operator(*arguments)
        assert (found.returncode, found.stderr) == (expected.returncode, expected.stderr)
        assert found.returncode == 3


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
    assert made("software", "retire", "grafana-two")["retired_at"]
    assert made("user", "invite-again", "tab@soylent.example", "--account", account)["role"] == "administrator"
    assert made("account", "require-second-factor", account, "administrators")["second_factor"] == "administrators"
    assert made("account", "require-single-sign-on", account, "off") == {"id": account, "single_sign_on": "off"}
    assert UUID.fullmatch(str(made("account", "create", "Wonka")["id"]))


def test_failures_are_the_same_both_ways(stack: Stack, here: Simsim, alice: Simsim) -> None:
    missing, account = "0" * 8 + "-0000-4000-8000-" + "0" * 12, ("--account", stack.account)
    for arguments in (
        ("token", "show", missing), ("token", "revoke", missing, *AS), ("token", "list", "--account", missing),
        ("token", "create", *account, *AS, "--name", "N", "--expires", "2027-02-30"),
        ("token", "rotate", missing, *AS, "--overlap", "soon"),
        ("webhook", "pause", missing, *AS), ("webhook", "resend", "999999", *AS), ("log", "show", "9", *account),
        ("token", "edit", missing, *AS, "--limit", "GET /a", "--read-only"), ("account", "show", missing),
        ("log", "export", *account, "--token", missing), ("token-request", "decline", missing, *account, *AS),
        ("policy", "set", *account, *AS, "--max-lifetime", "long"),
        ("notices", "set", *account, *AS, "--audience", "x"),
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
    for arguments in (("backup",), ("serve",), ("keys", "rotate"), ("user", "create")):
        done = alice(*arguments)
        verb = " ".join(arguments[:2] if arguments[0] in {"keys", "user"} else arguments[:1])
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith(f"simsim: “simsim {verb}” works on the server only: ")
    assert alice("backup", "--help").returncode == 0
    # These need no server at all, also in a shell in which SIMSIM_SERVER is set.
    assert alice("completion", "bash").stdout.startswith("_simsim_completion")
    assert (alice("scan", "/etc/hostname").returncode, alice("scan", "/", "--tokens").returncode) == (0, 2)


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
