"""An installation whose keys are wrapped by a real Vault (OpenBao): it serves, rotates, restores, and fails plainly."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kms_server
import preloaded
import vault_server
from documented_examples import example
from processes import descendants
from restore_drill import Drill, begun
from simsim.config import environment
from stack import Stack, started
from vault_server import PAGE, VaultServer

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B11"), pytest.mark.timeout(600)]
NOWHERE = "https://127.0.0.1:9"
SAYS_NOWHERE = (
    f"can't be unwrapped: {NOWHERE} can't be reached (ConnectionRefusedError: [Errno 111] Connection refused)"
)


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    with vault_server.serving(tmp_path_factory.mktemp("bao")) as server:
        yield server


@pytest.fixture
def drill(tmp_path: Path, bao: VaultServer) -> Drill:
    """An installation on one machine, with plain keys and two tokens; Vault is in the settings."""
    drill = begun(tmp_path, on_postgresql=False)
    drill.make_tokens(2)
    drill.stack.settings |= bao.settings()
    return drill


def key_file(stack: Stack) -> list[str]:
    return (stack.data / "keys" / "token_keys").read_text().split(",")


def doctor(drill: Drill, **settings: str) -> dict[str, Any]:
    """Return the finding of `simsim doctor` about the keys; it must come to its end."""
    done = preloaded.run(["doctor", "--json"], env=drill.environment | settings)
    (found,) = [each for each in json.loads(done.stdout)["items"] if each["subject"] == "keys"]
    assert done.returncode == 1, "at least the mail server is not there"
    return dict(found)


def opened(drill: Drill) -> list[str]:
    """Return the passwords of the tokens, as the command line shows them again."""
    verb = ("token", "credentials", "--as", "alice@acme.example")
    return [drill.run(*verb, each["id"])["password"] for each in drill.tokens]


def run_page(drill: Drill, words: str) -> list[Any]:
    """Run the commands of a block of the page, and return what each says."""
    return [drill.run(*line.split()[1:]) for line in example(PAGE, words).text.splitlines()]


def leave_the_service(drill: Drill) -> None:
    of_service = ("SIMSIM_VAULT_", "SIMSIM_KEY_WRAPPER")
    drill.stack.settings = {n: value for n, value in drill.stack.settings.items() if not n.startswith(of_service)}


def test_new_installation_has_wrapped_keys(tmp_path: Path, bao: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SIMSIM_")]:
        monkeypatch.delenv(name)
    for name, value in bao.settings(SIMSIM_DATA_DIR=str(tmp_path)).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "keys").mkdir()
    made = environment.read().make_missing_secrets()
    assert made == [tmp_path / "keys" / "token_keys", tmp_path / "keys" / "secret_key"]
    assert made[0].read_text().startswith("vault:v1:")
    assert [len(key) for key in environment.read().key_ring()] == [32]


class WrappedStack(Stack):
    def copy(self, model: Stack) -> None:
        """Become what another has settled, and wrap its keys before anything starts."""
        super().copy(model)
        self.run("keys", "wrap")


def test_everything_serves_with_keys_that_only_vault_opens(tmp_path: Path, bao: VaultServer) -> None:
    """The gate goes on when Vault is gone, and a reload that would need it is refused."""
    wrapped = WrappedStack(tmp_path, on_postgresql=False, settings=bao.settings())
    with started(wrapped, is_served_only=True) as stack:
        assert [text.partition(":")[0] for text in key_file(stack)] == ["vault"]
        token = stack.create_token("Power BI")
        assert stack.ask_gate(token) == 204
        shown = stack.simsim("token", "credentials", token["id"], "--as", "alice@acme.example")
        assert shown["password"] == token["password"]
        pids = [stack.processes["serve"].pid, *descendants(stack.processes["serve"].pid)]
        for pid in pids:
            assert bao.token not in Path(f"/proc/{pid}/cmdline").read_text()
        bao.seal()
        try:
            assert stack.ask_gate(token) == 204
            stack.processes["serve"].send_signal(signal.SIGHUP)
            log = tmp_path / "serve.log"
            stack.wait_until(lambda: "Nothing was reloaded" in log.read_text(), "the reload is refused")
            assert "(Vault is sealed)" in log.read_text()
            assert (stack.ask_gate(token), stack.get("/healthz", port=stack.console_port).status) == (204, 200)
        finally:
            bao.unseal()
        assert bao.token not in log.read_text()
    assert [path.name for path in stack.data.rglob("*") if path.is_file() and b"vault:v1:" in path.read_bytes()] == [
        "token_keys"
    ]


def test_nothing_starts_without_vault(drill: Drill) -> None:
    drill.run("keys", "wrap")
    without = drill.environment | {"SIMSIM_VAULT_URL": NOWHERE}
    for verb in (["serve", "--port", str(drill.stack.console_port)], ["worker"], ["account", "list"]):
        done = preloaded.run(verb, env=without)
        assert done.returncode == 1
        assert SAYS_NOWHERE in done.stderr.splitlines()[-1], done.stderr
        assert "Traceback" not in done.stderr
    assert not (drill.stack.data / "run" / "gate.sock").exists()


def test_keys_are_wrapped_and_unwrapped_in_place(drill: Drill) -> None:
    passwords, plain = opened(drill), key_file(drill.stack)
    assert [each["password"] for each in drill.tokens] == passwords
    (key,) = drill.run("keys", "list")["items"]
    said = drill.run("keys", "wrap")
    assert said == {"wrapped_by": "vault", "ids": [key["id"]], "file": str(drill.stack.data / "keys" / "token_keys")}
    (wrapped,) = key_file(drill.stack)
    assert wrapped.startswith("vault:v1:")
    assert (drill.stack.data / "keys" / "token_keys").stat().st_mode & 0o777 == 0o600
    assert opened(drill) == passwords
    drill.run("keys", "wrap")
    assert key_file(drill.stack) != [wrapped], "wrapped anew, with the newest version of Vault's key"
    (said,) = run_page(drill, "simsim keys unwrap")
    assert said["wrapped_by"] is None
    assert key_file(drill.stack) == plain
    events = drill.run("audit", "list", "--limit", "10")["items"]
    assert [each["event"] for each in events if each["event"].startswith("key.")] == [
        "key.unwrapped", "key.wrapped", "key.wrapped",
    ]  # fmt: skip
    leave_the_service(drill)
    assert opened(drill) == passwords
    assert drill.run("keys", "wrap") == "SIMSIM_KEY_WRAPPER is not set: see key-services.md"


def test_rotation_makes_wrapped_keys(drill: Drill) -> None:
    passwords = opened(drill)
    wrapped, said = run_page(drill, "simsim keys wrap")
    assert (said["encrypted"], said["left"], said["unneeded"]) == (2, 0, wrapped["ids"])
    assert [text.partition(":")[0] for text in key_file(drill.stack)] == ["vault", "vault"]
    (drill.stack.data / "keys" / "token_keys").write_text(key_file(drill.stack)[0])
    assert opened(drill) == passwords


def test_failed_wrapping_leaves_the_file(drill: Drill) -> None:
    plain = key_file(drill.stack)
    drill.stack.settings["SIMSIM_VAULT_URL"] = NOWHERE
    for verb in ("wrap", "add", "rotate"):
        assert f"{NOWHERE} can't be reached" in drill.run("keys", verb)
    assert key_file(drill.stack) == plain
    assert len(opened(drill)) == 2, "plain keys need no Vault"


def test_keys_in_a_setting_are_printed_wrapped(drill: Drill) -> None:
    passwords, file = opened(drill), drill.stack.data / "keys" / "token_keys"
    plain = file.read_text()
    file.unlink()
    in_setting = {"SIMSIM_TOKEN_KEYS": plain}
    said = json.loads(preloaded.run(["keys", "wrap", "--json"], env=drill.environment | in_setting).stdout)
    assert (said["setting"], said["keys"].partition(":")[0]) == ("SIMSIM_TOKEN_KEYS", "vault")
    assert not file.exists()
    in_setting = {"SIMSIM_TOKEN_KEYS": said["keys"]}
    verb = ["token", "credentials", drill.tokens[0]["id"], "--as", "alice@acme.example", "--json"]
    assert json.loads(preloaded.run(verb, env=drill.environment | in_setting).stdout)["password"] == passwords[0]
    added = json.loads(preloaded.run(["keys", "add", "--json"], env=drill.environment | in_setting).stdout)
    assert added["key"].startswith("vault:v1:")
    back = json.loads(preloaded.run(["keys", "unwrap", "--json"], env=drill.environment | in_setting).stdout)
    assert back["keys"] == plain


def test_doctor_says_what_is_wrong(drill: Drill, bao: VaultServer) -> None:
    passwords_open = "and every password has its key"
    assert "1 of 1 are not wrapped by vault: simsim keys wrap" in findings(drill)[0]
    drill.run("keys", "wrap")
    good = doctor(drill)
    assert (good["ok"], "unwrapped by vault" in good["detail"], passwords_open in good["detail"]) == (True,) * 3
    for settings, says in (
        ({"SIMSIM_VAULT_URL": NOWHERE}, SAYS_NOWHERE),
        ({"SIMSIM_VAULT_TOKEN": "s.wrong"}, "403 Forbidden (permission denied): check SIMSIM_VAULT_TOKEN"),
        (
            {"SIMSIM_KEY_WRAPPER_CONTEXT": "staging"},
            "was it wrapped with this key, and with this SIMSIM_KEY_WRAPPER_CON",
        ),
    ):
        found = doctor(drill, **settings)
        assert not found["ok"]
        assert says in found["detail"]
        assert "SIMSIM_TOKEN_KEYS: the key vault:v1:" in found["detail"]
        assert "s.wrong" not in found["detail"]
    file = drill.stack.data / "keys" / "token_keys"
    text = file.read_text()
    file.write_text(text[:30] + ("A" if text[30] != "A" else "B") + text[31:])
    assert "message authentication failed" in doctor(drill)["detail"]
    file.write_text(bao.wrapped(b"too short"))
    assert doctor(drill)["detail"].endswith("can't be unwrapped: it is not a key of Simsim")
    file.write_text(text)
    leave_the_service(drill)
    assert "is wrapped: set SIMSIM_KEY_WRAPPER=vault" in doctor(drill)["detail"]


def findings(drill: Drill) -> list[str]:
    done = preloaded.run(["doctor", "--json"], env=drill.environment)
    return [each["detail"] for each in json.loads(done.stdout)["items"] if each["subject"] == "keys"]


def test_backup_opens_where_vault_is_lost_too(drill: Drill, tmp_path: Path) -> None:
    passwords = opened(drill)
    drill.run("keys", "wrap")
    drill.back_up()
    assert drill.run("backup", "verify", str(drill.backup), "--identity", str(drill.identity))["opened_passwords"] == 2
    shutil.rmtree(drill.stack.data)
    with_vault = dict(drill.stack.settings)
    drill.stack.settings = {
        name: value for name, value in with_vault.items() if "VAULT" not in name and "KEY" not in name
    }
    drill.run("restore", str(drill.backup), "--identity", str(drill.identity))
    assert (opened(drill), ":" in key_file(drill.stack)[0]) == (passwords, False)
    shutil.rmtree(drill.stack.data)
    drill.stack.settings = with_vault
    drill.run("restore", str(drill.backup), "--identity", str(drill.identity))
    assert (opened(drill), key_file(drill.stack)[0].partition(":")[0]) == (passwords, "vault")


def test_keys_move_from_one_service_to_another(drill: Drill, tmp_path: Path) -> None:
    passwords = opened(drill)
    drill.run("keys", "wrap")
    drill.run("keys", "unwrap")
    (tmp_path / "kms").mkdir()
    with kms_server.serving(tmp_path / "kms") as kms:
        leave_the_service(drill)
        drill.stack.settings |= kms.environment()
        assert drill.run("keys", "wrap")["wrapped_by"] == "aws-kms"
        assert key_file(drill.stack)[0].startswith("aws-kms:")
        assert opened(drill) == passwords
        drill.run("keys", "rotate")
        assert opened(drill) == passwords
        assert not kms.refused
    assert "Could not connect to the endpoint URL" in doctor(drill)["detail"]
