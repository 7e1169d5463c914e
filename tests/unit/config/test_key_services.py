"""The service that wraps the keys, as the settings name it. Nothing is asked when the settings are read."""

import os
from pathlib import Path

import pytest

from own_installation import run_python
from simsim.config import environment
from simsim.key_wrappers.aws_kms import AwsKms
from simsim.key_wrappers.key_memory import KeyMemory
from simsim.key_wrappers.vault import VaultTransit
from simsim.problem import Unusable

ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
VAULT = {
    "KEY_WRAPPER": "vault", "KEY_WRAPPER_KEY": "simsim", "KEY_WRAPPER_CONTEXT": "production",
    "VAULT_URL": "https://vault.internal:8200/", "VAULT_TOKEN": "s.hunter2secret",
}  # fmt: skip
AWS = {"KEY_WRAPPER": "aws-kms", "KEY_WRAPPER_KEY": ARN, "KEY_WRAPPER_CONTEXT": "production"}


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("SIMSIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path))
    return tmp_path


def read(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> KeyMemory:
    for name, value in settings.items():
        monkeypatch.setenv(f"SIMSIM_{name}", value)
    return environment.read().key_memory()


def test_service_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.read().key_memory().name == ""
    with monkeypatch.context() as patch:
        memory = read(patch, VAULT | {"VAULT_MOUNT": "teams/transit/", "VAULT_NAMESPACE": "simsim/"})
        transit = memory._wrapper
        assert isinstance(transit, VaultTransit)
        assert (memory.name, transit.url, transit.mount) == ("vault", "https://vault.internal:8200", "teams/transit")
        assert (transit.key, transit.namespace, transit.token()) == ("simsim", "simsim", "s.hunter2secret")
        assert "hunter2" not in repr(transit) + repr(environment.read())
        assert environment.read().key_memory() is memory, "a process asks once, however often it reads its settings"
    memory = read(monkeypatch, AWS)
    assert (memory.name, type(memory._wrapper)) == ("aws-kms", AwsKms)


@pytest.mark.parametrize(
    ("given", "names", "says"),
    [
        ({"KEY_WRAPPER": "gcp"}, "KEY_WRAPPER", "must be vault or aws-kms"),
        ({"KEY_WRAPPER": ""}, "KEY_WRAPPER", "is empty"),
        ({"KEY_WRAPPER": "vault"}, "KEY_WRAPPER", "SIMSIM_KEY_WRAPPER_KEY is not"),
        ({"KEY_WRAPPER": "aws-kms", "KEY_WRAPPER_KEY": ARN}, "KEY_WRAPPER", "SIMSIM_KEY_WRAPPER_CONTEXT is not"),
        ({"KEY_WRAPPER_KEY": "simsim"}, "KEY_WRAPPER_KEY", "SIMSIM_KEY_WRAPPER is not"),
        ({"VAULT_URL": "https://vault.internal"}, "VAULT_URL", "SIMSIM_KEY_WRAPPER=vault is not"),
        (AWS | {"VAULT_TOKEN": "s.hunter2secret"}, "VAULT_TOKEN", "SIMSIM_KEY_WRAPPER=vault is not"),
        (AWS | {"KEY_WRAPPER_KEY": "alias/simsim"}, "KEY_WRAPPER_KEY", "must be a key's ARN"),
        (AWS | {"KEY_WRAPPER_KEY": ARN.replace("key/", "alias/")}, "KEY_WRAPPER_KEY", "must be a key's ARN"),
        (AWS | {"KEY_WRAPPER_CONTEXT": "a b"}, "KEY_WRAPPER_CONTEXT", "1 to 100 letters"),
        (VAULT | {"VAULT_URL": "http://vault.internal:8200"}, "VAULT_URL", "use https://"),
        (VAULT | {"VAULT_URL": "https://u:hunter2@vault.internal"}, "VAULT_URL", "only: https://vault.example:8200"),
        (VAULT | {"VAULT_URL": "https://vault.internal/v1"}, "VAULT_URL", "only: https://vault.example:8200"),
        (VAULT | {"VAULT_URL": "vault.internal:8200"}, "VAULT_URL", "must be a URL"),
        (VAULT | {"KEY_WRAPPER_KEY": "../../sys/seal"}, "KEY_WRAPPER_KEY", "letters, digits"),
        (VAULT | {"VAULT_MOUNT": "transit/../sys"}, "VAULT_MOUNT", "letters, digits"),
        (VAULT | {"VAULT_MOUNT": ""}, "VAULT_MOUNT", "is empty"),
        (VAULT | {"VAULT_NAMESPACE": "a b"}, "VAULT_NAMESPACE", "letters, digits"),
        (VAULT | {"VAULT_CA": "/proc/nope"}, "VAULT_CA", "no such file"),
        (VAULT | {"VAULT_TOKEN": "hunter2 secret"}, "VAULT_TOKEN", "one line of ASCII"),
    ],
)  # fmt: skip
@pytest.mark.covers("B11")
def test_bad_setting_of_the_service_is_one_line(
    given: dict[str, str], names: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unusable) as caught:
        read(monkeypatch, given)
    line = str(caught.value)
    assert line.startswith(f"SIMSIM_{names}")
    assert says in line
    assert "hunter2" not in line


def test_token_is_read_anew_because_an_agent_replaces_its_file(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = scratch / "vault-token"
    file.write_text("s.first\n")
    settings = {name: value for name, value in VAULT.items() if name != "VAULT_TOKEN"}
    transit = read(monkeypatch, settings | {"VAULT_TOKEN_FILE": str(file)})._wrapper
    assert isinstance(transit, VaultTransit)
    file.write_text("s.second\n")
    assert transit.token() == "s.second"
    file.unlink()
    with pytest.raises(Unusable, match="SIMSIM_VAULT_TOKEN_FILE"):
        transit.token()
    monkeypatch.delenv("SIMSIM_VAULT_TOKEN_FILE")
    with pytest.raises(Unusable, match="SIMSIM_VAULT_TOKEN must be"):
        transit.token()


def test_gate_loads_neither_django_nor_the_library_of_aws(scratch: Path) -> None:
    """It needs no key, and must start in a fraction of a second."""
    code = (
        "import sys; from simsim.config import gates; gates.build_gate();"
        "print({'django', 'botocore', 'pydantic', 'simsim.key_wrappers.aws_kms'} & sys.modules.keys())"
    )
    settings = {f"SIMSIM_{name}": value for name, value in AWS.items()} | {"SIMSIM_DATA_DIR": str(scratch)}
    assert run_python("-c", code, environment=dict(os.environ) | settings) == "set()\n"
