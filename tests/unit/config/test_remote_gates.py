"""The settings with which a middleware asks a gate elsewhere."""

import os
from pathlib import Path

import pytest

from simsim.config import remote_gates
from simsim.credential import management_password, password
from simsim.problem import Unusable

pytestmark = pytest.mark.covers("B9", "B11")
TOKEN = management_password.mint()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("SIMSIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path))


def read(monkeypatch: pytest.MonkeyPatch, **settings: str) -> remote_gates.RemoteGateSettings | None:
    for name, value in settings.items():
        monkeypatch.setenv(f"SIMSIM_{name.upper()}", value)
    return remote_gates.read()


def test_without_a_url_the_gate_is_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch) is None
    with pytest.raises(Unusable, match="SIMSIM_GATE_TOKEN is set, and SIMSIM_GATE_URL is not"):
        read(monkeypatch, gate_token=TOKEN)


@pytest.mark.parametrize("url", ["https://gate.example", "https://gate.example:8443/", "http://127.0.0.1:8001"])
def test_url_and_credential_are_read_and_the_credential_is_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    found = read(monkeypatch, gate_url=url, gate_token_file=str(tmp_path / "token"))
    assert found is not None
    assert (found.url, found.token, found.spool_dir) == (url.rstrip("/"), TOKEN, tmp_path / "spool")
    assert found.tls.check_hostname
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gate_url": "http://gate.example"}, "must start with https://"),
        ({"gate_url": "https://gate.example/simsim"}, "must be a host and a port"),
        ({"gate_url": "https://user@gate.example"}, "must be a host and a port"),
        ({"gate_url": "gate.example"}, "must be a URL that starts with"),
        ({"gate_url": ""}, "SIMSIM_GATE_URL is empty"),
        ({"gate_token": password.mint()}, "must be the password of a management token"),
        ({"gate_ca": "/nowhere"}, "SIMSIM_GATE_CA: /nowhere has no readable CA certificates"),
        ({"gate_ca": __file__}, "has no readable CA certificates"),
    ],
)
def test_unusable_setting_is_named(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], words: str) -> None:
    with pytest.raises(Unusable, match=words) as refused:
        read(monkeypatch, **({"gate_url": "https://gate.example", "gate_token": TOKEN} | settings))
    assert "sim_" not in str(refused.value)
