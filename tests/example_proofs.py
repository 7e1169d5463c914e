"""What is done with each example of the documentation that is run or checked, in the order in which that happens.

A proof gets the text of the block, and what else its parameters name: fixtures of the test that calls it.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

import container_image
import documented_examples
import packages
import parsed_commands
import postgresql_front
import postgresql_server
import start_pages
import tls_files
import units
from documented_examples import Key, example
from postgresql_server import free_port
from readers_machine import Machine
from simsim.audit.models import AuditEvent
from simsim.config import environment
from simsim.config.setting_sources import PREFIX
from simsim.delivery import signed_post
from simsim.forwarding import events, syslog
from simsim.forwarding.receiver import read_target
from simsim.request_log.models import LoggedRequest
from simsim.traces import settings as trace_settings
from smtp_server import Mailbox
from stack import Stack

Proof = Callable[..., None]
PROOFS: dict[Key, Proof] = {}
# Blocks that the proof of another block runs or compares.
WITH_ANOTHER: dict[Key, Key] = {
    ("docs/operators/command-line.md", "simsim apply"): ("docs/operators/command-line.md", "slug: looker"),
    ("docs/operators/install.md", "urlsafe_b64encode"): ("docs/operators/install.md", "SIMSIM_TOKEN_KEYS_FILE"),
    ("docs/operators/monitoring.md", "This node\n"): ("docs/operators/backup.md", "simsim restore simsim-2026-11-26"),
    ("docs/operators/tls.md", "^systemctl reload"): ("docs/operators/tls.md", "RENEWED_LINEAGE"),
}
SAID_IN_STATUS = re.compile(r"^  (?:ok|WRONG) +(\w+)", re.MULTILINE)


def proves(page: str, words: str) -> Callable[[Proof], Proof]:
    """Say that a function proves the one example on the page that holds the words."""

    def keep(proof: Proof) -> Proof:
        PROOFS[f"docs/{page}" if "/" in page else page, words] = proof
        return proof

    return keep


def runs(page: str, words: str, prints: str = "") -> None:
    """Say that a block of commands ends with 0 on the machine of the stack, and prints a text."""

    def proof(text: str, machine: Machine) -> None:
        assert prints in machine.run(text)

    proves(page, words)(proof)


def prove_settings(
    text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> environment.Environment:
    """Return what Simsim reads from a block with the lines of `simsim.env`; raises Unusable for a mistake."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path))
    (tmp_path / "simsim.env").write_text(machine.written(text).replace("export ", ""), encoding="utf-8")
    return environment.read()


# What the callers of the API run.


@proves("integrators/connect.md", "read -rs")
def password_is_asked_for(text: str, machine: Machine) -> None:
    assert machine.run(f'{text}printf "%s" "$SIMSIM_PASSWORD"', typed="secret\n") == "secret"


@proves("integrators/connect.md", "curl --user")
def curl_asks_for_the_password_or_takes_it_from_the_environment(text: str, machine: Machine) -> None:
    password = machine.values["PASSWORD"]
    printed = machine.run(text, typed=f"{password}\n", settings={"SIMSIM_PASSWORD": password})
    assert printed.count("Baobab Growth Fund") == 2


@proves("integrators/connect.md", "requests.get")
@proves("integrators/connect.md", "httpx.get")
def program_prints_the_answer(text: str, machine: Machine) -> None:
    script = machine.file("program.py", text)
    printed = machine.run(f"python {script}", settings={"SIMSIM_PASSWORD": machine.values["PASSWORD"]})
    assert "Baobab Growth Fund" in printed


@proves("integrators/connect.md", "GET /api/v2/entities")
def request_is_answered(text: str, machine: Machine, stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", stack.gateway_port), timeout=10) as connection:
        connection.sendall(machine.written(text).replace("\n", "\r\n").encode() + b"Connection: close\r\n\r\n")
        assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"


@proves("integrators/connect.md", "base64 | tr")
def header_is_computed(text: str, machine: Machine) -> None:
    printed = machine.run(text, settings={"SIMSIM_PASSWORD": machine.values["PASSWORD"]})
    assert printed == f"Authorization: Basic {machine.values['BASE64(USERNAME:PASSWORD)']}\n"


runs("README.md", "curl -u", "Baobab Growth Fund")
runs("operators/troubleshooting.md", "curl -i", "HTTP/1.1 404")


# What operators run on an installation that works.


@proves("CONTRIBUTING.md", "src/simsim/")
def rooms_are_those_of_the_package(text: str) -> None:
    package = documented_examples.ROOT / "src/simsim"
    named = {name for line in text.splitlines()[1:] for name in re.findall(r"(\w+)/(?= )", line)}
    assert named == {path.parent.name for path in package.glob("*/__init__.py")}


runs("operators/keys.md", "simsim keys list", "is at hand")
runs("operators/floods.md", "--status 429")
runs("operators/troubleshooting.md", "--status 401")
runs("operators/troubleshooting.md", "simsim mail list", "alice@acme.example")
runs("operators/upgrade.md", "^simsim upgrade --check")
runs("operators/command-line.md", "--password-stdin", "Everything is set up already. Nothing was changed.")


@proves("operators/mail.md", "simsim mail retry")
def email_is_sent_again(text: str, machine: Machine, stack: Stack, mailbox: Mailbox) -> None:
    mailbox.at_recipient["bob@acme.example"] = "451 Try again later"
    stack.simsim("user", "invite", "bob@acme.example", "--account", stack.account, "--role", "member")
    (mail,) = [each for each in stack.simsim("mail", "list")["items"] if each["recipient"] == "bob@acme.example"]
    machine.values["4711"] = str(mail["id"])
    assert "WRONG" not in machine.run(text)


@proves("operators/health.md", "--unix-socket")
def node_says_that_it_is_ready(text: str, machine: Machine) -> None:
    assert machine.run(text).count('{"status":') == 2


@proves("operators/health.md", '"status":"degraded"')
def answer_has_the_documented_names(text: str, stack: Stack) -> None:
    answer, shown = json.loads(stack.get("/readyz", port=stack.console_port).body), json.loads(text)
    assert list(answer) == list(shown)
    assert list(answer["worker"]) == list(shown["worker"])


@proves("operators/health.md", "kill -HUP")
@proves("operators/upgrade.md", "^systemctl reload")
def programs_reload(text: str, machine: Machine, stack: Stack, **settings: str) -> None:
    before = reloads(stack)
    machine.run(text, settings=settings)
    expected = before + (1 if "kill" in text else len(re.findall(r"simsim-\w+", text)))
    stack.wait_until(lambda: reloads(stack) == expected, "everything has reloaded")


def reloads(stack: Stack) -> int:
    return sum(
        (stack.directory / f"{name}.log").read_text().count("Reloaded") for name in ("serve", "worker", "gateway")
    )


@proves("operators/tls.md", "RENEWED_LINEAGE")
def certificate_is_copied_and_loaded(text: str, machine: Machine, stack: Stack, tmp_path: Path) -> None:
    certificate, key = tls_files.make(tmp_path)
    certificate.rename(tmp_path / "fullchain.pem")
    key.rename(tmp_path / "privkey.pem")
    Path(machine.written("/etc/simsim/tls")).mkdir(parents=True)
    programs_reload(text, machine, stack, RENEWED_LINEAGE=str(tmp_path))
    copied = Path(machine.written("/etc/simsim/tls/privkey.pem"))
    assert copied.stat().st_mode & 0o777 == 0o640


@proves("operators/command-line.md", "urn:simsim:problem:invalid")
def failed_command_prints_the_problem(text: str, machine: Machine) -> None:
    command = "simsim token create --account ID --as alice@acme.example --name N --expires 2027-02-30 --json"
    assert json.loads(machine.run(command, status=2)) == json.loads(text)


@proves("operators/command-line.md", "$ cat tokens.jsonl")
def tokens_of_the_file_are_created(text: str, machine: Machine) -> None:
    cat, *lines, command = text.splitlines()
    machine.file(cat.removeprefix("$ cat "), "\n".join(lines) + "\n")
    machine.run(command.removeprefix("$ "))
    created = [json.loads(line) for line in (machine.home / "created.jsonl").read_text().splitlines()]
    assert [token["name"] for token in created] == ["Power BI", "Data lake"]


@proves("operators/command-line.md", "$ cat credentials.csv")
def credentials_of_the_file_are_imported(text: str, machine: Machine) -> None:
    cat, *lines, trial, command = text.splitlines()
    machine.file(cat.removeprefix("$ cat "), "\n".join(lines) + "\n")
    machine.run(trial.removeprefix("$ "))
    assert json.loads(machine.run(command.removeprefix("$ ") + " --json")) == {"imported": 2, "imported_before": 0}


# Watching.


@proves("operators/monitoring.md", "scrape_configs")
def prometheus_accepts_the_configuration(text: str, machine: Machine) -> None:
    Path(machine.written("/etc/prometheus/rules")).mkdir(parents=True)
    Path(machine.written("/etc/prometheus/simsim-token")).touch()
    machine.run(f"promtool check config {machine.file('prometheus.yml', text)}")


@proves("operators/monitoring.md", "simsim monitoring rules")
def rules_and_dashboard_can_be_read(text: str, machine: Machine) -> None:
    machine.run(text)
    machine.run("promtool check rules /etc/prometheus/rules/simsim.yml")
    assert json.loads((machine.home / "simsim-dashboard.json").read_text())["panels"]


@proves("operators/monitoring.md", "simsim.prom.new")
def metrics_are_written_for_the_collector(text: str, machine: Machine) -> None:
    machine.run(text)
    written = Path(machine.written("/var/lib/node_exporter/simsim.prom")).read_text()
    assert "simsim_decisions_total{" in written


# Forwarding.


@proves("operators/forwarding.md", 'print("whsec_')
def secret_of_webhooks_is_usable(text: str, machine: Machine) -> None:
    assert read_target("https://siem.example/hook", made_secret(text, machine), "").secrets


def made_secret(text: str, machine: Machine) -> str:
    return machine.run(text).strip()


@proves("operators/forwarding.md", "def is_simsims")
def receiver_verifies_our_signature(text: str, machine: Machine) -> None:
    secret = made_secret(example("docs/operators/forwarding.md", 'print("whsec_').text, machine)
    body, now = b'[{"kind": "request"}]', datetime.now(UTC)
    target = read_target("https://siem.example/hook", secret, "")
    headers = signed_post.headers("siem.example", target.secrets, "msg_1", body, now)
    scope: dict[str, Any] = {}
    exec(compile(text, "forwarding.md", "exec"), scope)
    assert scope["is_simsims"](headers, body, secret)
    assert not scope["is_simsims"](headers, body + b" ", secret)


@proves("operators/forwarding.md", '"kind": "audit"')
def events_have_the_documented_names(text: str) -> None:
    request, audit = documented_events(text)
    row = LoggedRequest(received_at=datetime.now(UTC), account_id=uuid.uuid4(), outcome="refused", status=401)
    assert set(json.loads(events._of_request(row).json)) == set(request)
    happened = AuditEvent(at=datetime.now(UTC), account_id=uuid.uuid4(), event="token.revoked")
    assert set(json.loads(events._of_audit(happened).json)) == set(audit)


def documented_events(text: str) -> list[dict[str, Any]]:
    first, second = text.split('\n{"kind": "audit"')
    return [json.loads(first), json.loads('{"kind": "audit"' + second)]


@proves("operators/forwarding.md", "<133>1")
def message_of_syslog_is_as_documented(text: str) -> None:
    shown, _ = documented_events(example("docs/operators/forwarding.md", '"kind": "audit"').text)
    facts = {"id": shown["id"], "account": shown["account_id"].replace("…", "_"),
             **{name: str(shown[name]) for name in ("outcome", "reason", "status", "address")}}  # fmt: skip
    at = datetime.fromisoformat(shown["received_at"])
    event = events.ForwardedEvent("request", shown["id"], at, is_ordinary=False, facts=facts, json=b"{}")
    message = syslog.message(event, "simsim.example").decode().removesuffix("{}")
    assert message == text.partition("{")[0].replace("…", "_")


@proves("operators/forwarding.md", "global(maxMessageSize")
@proves("operators/proxies.md", 'module(load="imuxsock")')
def rsyslog_accepts_the_configuration(text: str, machine: Machine, tmp_path: Path) -> None:
    certificate, key = tls_files.make(tmp_path)
    folder = Path(machine.written("/etc/ssl/siem/"))
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in (("ca.pem", certificate), ("cert.pem", certificate), ("key.pem", key)):
        shutil.copy(path, folder / name)
    machine.run(f"rsyslogd -N1 -f {machine.file('rsyslog.conf', text)}")


# Proxies and poolers.


@proves("operators/tls.md", "reverse_proxy 127.0.0.1:8000")
@proves("operators/tls.md", 'respond "Use https."')
def caddy_accepts_the_configuration(text: str, machine: Machine) -> None:
    machine.run(f"caddy validate --adapter caddyfile --config {machine.file('Caddyfile', text)}")


@proves("operators/postgresql.md", "[pgbouncer]")
def pooler_gives_the_database(text: str) -> None:
    server = f"host=127.0.0.1 port={postgresql_server.start()} dbname=postgres user={postgresql_server.SERVER_USER}"
    with (
        postgresql_front.running(text.replace("host=db1 dbname=simsim", server), database="simsim") as port,
        psycopg.connect(postgresql_server.url(port, "simsim")) as connection,
    ):
        assert connection.execute("SELECT current_database()").fetchall() == [("postgres",)]


# Settings.


@proves("operators/tls.md", "SIMSIM_TRUSTED_PROXIES=")
@proves("operators/install.md", 'SIMSIM_BASE_URL="https')
def settings_are_accepted(text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert prove_settings(text, machine, monkeypatch, tmp_path).base_url == "https://console.example.com"


@proves("operators/tls.md", "SIMSIM_TLS_KEY=")
def certificate_is_found(text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = prove_settings(text, machine, monkeypatch, tmp_path).tls_files()
    assert files
    assert files.certificate == Path(machine.written("/etc/simsim/tls/fullchain.pem"))


@proves("operators/single-sign-on.md", "SIMSIM_OIDC_ISSUER")
def provider_is_accepted(text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "oidc-secret"
    secret.write_text("the-secret\n")
    read = prove_settings(text.replace("/etc/simsim/oidc-secret", str(secret)), machine, monkeypatch, tmp_path)
    found, rules = read.provider(), read.provider_rules()
    assert found
    assert (found.client_secret, found.name, found.groups_claim) == ("the-secret", "Acme Login", "groups")
    assert (set(rules.domains), set(rules.groups)) == ({"acme.example"}, {"simsim-admins"})


@proves("operators/portal.md", "SIMSIM_PORTAL_NAME")
def look_of_the_portal_is_accepted(
    text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    look = prove_settings(text, machine, monkeypatch, tmp_path).portal()
    assert (look.name, set(look.return_origins)) == ("Acme Portal", {"https://app.example.com"})


@proves("operators/install.md", "SIMSIM_TOKEN_KEYS_FILE")
def keys_are_read_from_files(text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = machine.run(example("docs/operators/install.md", "urlsafe_b64encode").text)
    for name in ("token-keys", "secret-key"):
        Path(machine.written(f"/run/secrets/simsim-{name}")).write_text(key)
    read = prove_settings(text, machine, monkeypatch, tmp_path)
    read.prove_secrets()
    assert [len(each) for each in read.key_ring()] == [32]


@proves("operators/key-services.md", "SIMSIM_VAULT_URL")
def vault_is_accepted(text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = Path(machine.written("/etc/simsim/vault-token"))
    token.parent.mkdir(parents=True, exist_ok=True)
    token.write_text("s.a-token\n")
    assert prove_settings(text, machine, monkeypatch, tmp_path).key_memory().name == "vault"


@proves("operators/key-services.md", 'SIMSIM_KEY_WRAPPER="aws-kms"')
def aws_kms_is_accepted(text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert prove_settings(text, machine, monkeypatch, tmp_path).key_memory().name == "aws-kms"


@proves("operators/monitoring.md", "OTEL_TRACES_SAMPLER=")
def traces_are_on(text: str) -> None:
    variables = dict(line.split("=", 1) for line in text.splitlines())
    assert trace_settings.is_on(variables)
    trace_settings.prove_usable(variables)


@proves("operators/install.md", "SERVE_OPTIONS=")
def options_of_the_services_are_accepted(text: str) -> None:
    options = dict(shlex.split(line)[0].split("=", 1) for line in text.splitlines())
    for name in ("serve", "gateway"):
        unit = units.UNITS / f"simsim-{name}.service"
        _, *arguments = units.start_command(unit, Path("/opt"), units.environment(unit, options))
        parsed_commands.parse(arguments)


@proves("operators/containers.md", "ACCOUNT=Acme")
def compose_file_takes_the_answers(
    text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = re.findall(r"^(\w+)=", text, re.MULTILINE)
    asked = re.findall(r"\$\{(\w+)", container_image.COMPOSE.read_text(encoding="utf-8"))
    assert set(names) <= set(asked)
    ours = "".join(f"{line}\n" for line in text.splitlines() if line.startswith(PREFIX))
    assert prove_settings(ours, machine, monkeypatch, tmp_path).mail_server()


@proves("operators/containers.md", "./create-secrets")
def secrets_are_made(text: str, machine: Machine) -> None:
    shutil.copytree(container_image.COMPOSE.parent, machine.home / "release/container")
    machine.run(text)
    assert (machine.home / "release/container/secrets/token_keys").read_text()


# A backup, everything lost, and what is restored on a new machine.


@proves("operators/backup.md", "age-keygen")
def identity_is_made(text: str, machine: Machine) -> None:
    printed = machine.run(text)
    machine.values["age1…"] = re.findall(r"age1\w+", printed)[0]


@proves("operators/backup.md", "simsim backup verify")
def backup_is_made_and_verified(text: str, machine: Machine) -> None:
    machine.run(text.replace("/backup/simsim-2026-11-26", "/backup/simsim-$(date +%F)"))


@proves("operators/backup.md", "simsim restore simsim-2026-11-26")
def backup_is_restored_and_served(text: str, machine: Machine, stack: Stack, restored: Machine) -> None:
    for path in Path(machine.written("/backup/")).glob("*.backup"):
        shutil.copy(path, restored.home / "simsim-2026-11-26.backup")
    shutil.copy(machine.home / "simsim-identity.txt", restored.home)
    stack.revoke(stack.create_token("Revoked after the backup")["id"])
    shutil.copy(stack.data / "revocations.jsonl", restored.written("/saved/"))
    restore, serve = text.splitlines()
    assert serve == "simsim serve"
    assert "Of the reader" in restored.run(f"{restore}; simsim token list --account {stack.account}")
    port = free_port()
    with subprocess.Popen(["simsim", "serve", "--port", str(port)], env=restored.environment,
                          executable=shutil.which("simsim", path=restored.environment["PATH"])) as server:  # fmt: skip
        try:
            assert packages.wait_for(f"http://127.0.0.1:{port}/readyz", server)
            prove_status(restored.run("simsim status"))
        finally:
            server.terminate()


def prove_status(printed: str) -> None:
    """Prove that `simsim status` prints the lines that its page shows."""
    shown = SAID_IN_STATUS.findall(example("docs/operators/monitoring.md", "This node\n").text)
    assert len(shown) > 3
    assert set(shown) <= set(SAID_IN_STATUS.findall(printed))


@proves("operators/backup.md", "rm -f simsim.sqlite3-wal")
def files_are_replaced_by_hand(text: str, restored: Machine, tmp_path: Path) -> None:
    for name in ("simsim.sqlite3", "request_log.sqlite3"):
        shutil.copy(Path(restored.values["/var/lib/simsim"], name), restored.written("/backup/"))
    restored.run(text)


# A new installation, from the wheel.


@proves("operators/install.md", "useradd")
def wheel_is_installed_for_a_user_of_its_own(text: str, new_machine: Machine) -> None:
    new_machine.run(text)
    assert "simsim:" in Path(new_machine.written("/etc/passwd")).read_text()
    assert new_machine.run("/opt/simsim/bin/simsim --version").startswith("simsim ")


@proves("operators/install.md", "-m zipfile")
def lock_is_unpacked_from_the_wheel(text: str, new_machine: Machine) -> None:
    assert "Requirement already satisfied: django" in new_machine.run(text)


@proves("operators/install.md", "simsim doctor")
def everything_is_set_up(text: str, new_machine: Machine, mail_port: int) -> None:
    printed = new_machine.run_in_terminal(text, {"Mail server": f"smtp://127.0.0.1:{mail_port}"})
    assert "WRONG" not in printed
    assert Path(new_machine.values["/var/lib/simsim"], "keys/token_keys").exists()


@proves("README.md", "simsim setup")
def readme_begins_like_the_start_page(text: str) -> None:
    commands = [line.partition("#")[0].strip() for line in text.splitlines()]
    assert commands == [
        line
        for line in start_pages.commands("index.md")
        if line.startswith(("simsim setup", "simsim serve", "simsim gateway"))
    ]


@proves("operators/install.md", "simsim setup\nsystemctl enable")
@proves("operators/install.md", "cp /opt/simsim/share")
def services_are_enabled(text: str, new_machine: Machine) -> None:
    new_machine.run(text.removeprefix("simsim setup\n"))
    wanted = Path(new_machine.written("/etc/systemd/system/simsim.target.wants"))
    assert {path.name for path in wanted.iterdir()} == {
        f"simsim-{name}.service" for name in ("serve", "worker", "gateway")
    }


@proves("operators/install.md", "simsim account create")
def another_account_is_created(text: str, new_machine: Machine) -> None:
    create, person = text.splitlines()
    new_machine.values["ID"] = start_pages.value_of("id", new_machine.run(create))
    assert "password" in new_machine.run(person)


@proves("operators/command-line.md", "slug: looker")
def accounts_are_applied_from_the_file(text: str, new_machine: Machine) -> None:
    new_machine.file("accounts.yaml", text)
    commands = example("docs/operators/command-line.md", "simsim apply accounts.yaml").text
    printed = new_machine.run(commands)
    assert printed.count("looker") == 2
    assert "looker" not in new_machine.run("simsim apply accounts.yaml")


@proves("operators/upgrade.md", "simsim migrate")
def wheel_is_upgraded(text: str, new_machine: Machine) -> None:
    new_machine.run(text)


@proves("operators/upgrade.md", "mv -T")
def upgrade_is_one_step(text: str, new_machine: Machine) -> None:
    link = Path(new_machine.written("/opt/simsim"))
    link.rename(link.with_name("simsim-OLD"))
    link.symlink_to("simsim-OLD")
    new_machine.run(text)
    assert link.resolve().name == "simsim-0.1.0"
    assert new_machine.run("/opt/simsim/bin/python -m simsim.config.command_line --version").startswith("simsim ")


runs("operators/health.md", "simsim operator add")
runs("operators/keys.md", "simsim keys rotate")
runs("administrators/policies.md", "simsim policy set")
runs("administrators/access-reviews.md", "simsim access-review start", "alice@acme.example")
runs("security/incident.md", "simsim incident lift")
runs("security/incident.md", "simsim incident preview")
runs("security/incident.md", "simsim incident report")


@proves("security/incident.md", "simsim incident resume")
def tokens_are_resumed(text: str, machine: Machine) -> None:
    found = json.loads(machine.run("simsim incident preview --account ID --stopped-at 2027-01-31T12:00:00Z --json"))
    machine.values["FINGERPRINT"] = found["fingerprint"]
    assert "resumed" in machine.run(text)


@proves("security/incident.md", "simsim incident networks")
def networks_are_changed(text: str, machine: Machine) -> None:
    found = json.loads(machine.run("simsim incident preview --account ID --creator alice@acme.example --json"))
    machine.values["FINGERPRINT"] = found["fingerprint"]
    before = {
        token["id"]: json.loads(machine.run(f"simsim token show {token['id']} --json")) for token in found["items"]
    }
    assert "edited" in machine.run(text)
    for token_id, token in before.items():
        # Other examples use them.
        allow = " ".join(f"--allow {network}" for network in token["allowed_networks"]) or "--allow-any"
        machine.run(f"simsim token edit {token_id} --as alice@acme.example {allow}")


@proves("security/incident.md", "simsim incident freeze")
def creation_is_frozen(text: str, machine: Machine) -> None:
    assert "laptop was stolen" in machine.run(text)
    # Other examples create tokens.
    machine.run("simsim incident lift --account ID")


@proves("security/incident.md", "simsim incident stop")
def previewed_tokens_are_stopped(text: str, machine: Machine) -> None:
    filters = "--account ID --creator alice@acme.example --created-before 2027-01-31"
    found = json.loads(machine.run(f"simsim incident preview {filters} --json"))
    machine.values["FINGERPRINT"] = found["fingerprint"]
    assert str(found["count"]) in machine.run(text)
    for token in found["items"]:
        # Other examples use them.
        machine.run(f"simsim token resume {token['id']} --as alice@acme.example")


runs("security/audit-trail.md", "every chain")
runs("security/audit-trail.md", "simsim audit anchor")


@proves("security/leaks.md", "^simsim scan .")
def folder_without_passwords_is_clean(text: str, machine: Machine) -> None:
    machine.run(f"mkdir clean\ncd clean\necho fine > a.env\n{text}")


@proves("security/leaks.md", "git diff --cached")
def hook_stops_a_commit_with_a_password(text: str, machine: Machine) -> None:
    repository = machine.home / "repository"
    git = "git -c user.name=A -c user.email=a@example.com -C repository"
    machine.run(
        f"git init --quiet repository\nprintf %s '{machine.values['PASSWORD']}' > repository/a.env\n{git} add a.env"
    )
    hook = repository / ".git/hooks/pre-commit"
    hook.write_text(text)
    hook.chmod(0o755)
    assert "Found 1 password" in machine.run(f"{git} commit --quiet -m One", status=1)
    machine.run(f"echo clean > repository/a.env\n{git} add a.env\n{git} commit --quiet -m Two\nrm -r repository")


@proves("operators/webhooks.md", "simsim webhook deliveries")
def deliveries_are_listed_and_sent_again(text: str, machine: Machine, stack: Stack) -> None:
    endpoint = stack.simsim(
        "webhook", "add", "--account", stack.account, "--as", "alice@acme.example", "--name", "Hook",
        "--url", "https://hooks.example.com/", "--event", "token.created",
    )  # fmt: skip
    stack.create_token("Told to a webhook")
    (delivery,) = stack.simsim("webhook", "deliveries", endpoint["id"])["items"]
    first, second, third = text.splitlines()
    machine.run(first)
    machine.run(second.replace("ID", endpoint["id"]))
    machine.run(third.replace("ID", str(delivery["id"])))
    stack.simsim("webhook", "remove", endpoint["id"], "--as", "alice@acme.example")


@proves("integrators/webhooks.md", "POST /simsim HTTP/1.1")
def delivery_has_the_documented_form(text: str) -> None:
    head, _, body = text.partition("\n\n")
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} <= {
        line.partition(":")[0] for line in head.splitlines()
    }
    assert json.loads(body).keys() == {"id", "type", "timestamp", "data"}


@proves("operators/floods.md", "SIMSIM_FAILURES_PER_ADDRESS")
def limits_of_failures_are_the_default(
    text: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = prove_settings(text, machine, monkeypatch, tmp_path)
    assert read == prove_settings("", machine, monkeypatch, tmp_path)
