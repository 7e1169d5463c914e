"""The operator's settings, and the one-line errors about bad ones."""

import base64
import stat
from pathlib import Path

import pytest

from simsim.config import environment
from simsim.problem import Unusable

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "SECRET_KEY", "TOKEN_KEYS"):
        monkeypatch.delenv(f"SIMSIM_{name}", raising=False)
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "console.example"), ("BASE_URL", "javascript:alert(1)"), ("DATABASE_URL", "mysql://db/simsim"),
        ("LOG_DATABASE_URL", "nonsense"), ("EMAIL_URL", "http://mail"), ("LOG_RETENTION_DAYS", "0"),
        ("LOG_RETENTION_DAYS", "many"), ("TRUSTED_PROXIES", "10.0.0.1/8"), ("TRUSTED_PROXIES", "proxy.internal"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"), ("TRUSTED_PROXIES", "::/0"), ("TRUSTED_PROXIES", "10.0.0.0/24, 0.0.0.0/1"),
        ("BASE_URL", "https://[console"), ("API_URL", "api.example.com"), ("API_URL", "ftp://api.example.com"),
        ("API_URL", "https://"), ("API_URL", "https://[api"), ("API_URL", "https://:8443"),
        ("API_URL", "https://alice:secret@api.example.com"), ("API_URL", "https://api.example.com/?key=1"),
        ("API_URL", 'https://api.example.com/"'), ("API_URL", "https://api.example.com/a b"),
        ("API_EXAMPLE", "api/v2"), ("API_EXAMPLE", ""), ("API_EXAMPLE", "/a#b"), ("API_EXAMPLE", "/a\tb"),
        ("ACCESS_LOGS", "apache:/var/log/access.log"), ("ACCESS_LOGS", "caddy:/a.json, caddy:b.json"),
    ],
)  # fmt: skip
@pytest.mark.covers("R10")
def test_unusable_setting_is_named_in_one_line(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SIMSIM_{name}", value)
    with pytest.raises(Unusable) as caught:
        environment.read()
    assert f"SIMSIM_{name}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.covers("R20")
def test_address_of_the_api_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (environment.read().api_url, environment.read().api_example) == ("", "/")
    monkeypatch.setenv("SIMSIM_API_URL", "https://[2001:db8::1]:8443/customers/")
    monkeypatch.setenv("SIMSIM_API_EXAMPLE", "/api/v2/entities?limit=5&name=it's")
    assert environment.read().api_url == "https://[2001:db8::1]:8443/customers/"
    assert environment.read().api_example == "/api/v2/entities?limit=5&name=it's"


def test_secret_comes_from_the_environment_or_from_a_file(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scratch / "keys.txt").write_text(KEY + "\n")
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS_FILE", str(scratch / "keys.txt"))
    assert list(environment.read().key_ring()) == [bytes(range(32))]
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS_FILE", str(scratch / "absent"))
    with pytest.raises(Unusable, match="SIMSIM_TOKEN_KEYS_FILE"):
        environment.read()


def test_keys_are_made_once_for_a_new_installation_and_only_for_their_owner(scratch: Path) -> None:
    assert list(environment.read().key_ring()) == []
    (scratch / "keys").mkdir()
    made = environment.read().make_missing_secrets()
    first = list(environment.read().key_ring())
    assert made == [scratch / "keys" / "token_keys", scratch / "keys" / "secret_key"]
    assert environment.read().make_missing_secrets() == []
    assert list(environment.read().key_ring()) == first
    kept = scratch / "keys" / "token_keys"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert environment.read().django_secret() != kept.read_text()
    assert sorted(path.name for path in (scratch / "keys").iterdir()) == ["secret_key", "token_keys"]


def test_reading_the_settings_makes_no_files(scratch: Path) -> None:
    environment.read().key_ring()
    environment.read().django_secret()
    with pytest.raises(Unusable, match="SIMSIM_TOKEN_KEYS is not set"):
        environment.read().prove_secrets()
    assert not list(scratch.iterdir())


@pytest.mark.covers("B11")
def test_node_without_keys_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_DATABASE_URL", "postgresql://db/simsim")
    with pytest.raises(Unusable, match="SIMSIM_TOKEN_KEYS is not set"):
        environment.read().prove_secrets()


@pytest.mark.covers("R11")
def test_source_of_the_keys_is_reported(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.read().origin_of_keys() == str(scratch / "keys" / "token_keys")
    (scratch / "keys.txt").write_text(KEY)
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS_FILE", str(scratch / "keys.txt"))
    assert environment.read().origin_of_keys() == f"{scratch}/keys.txt (SIMSIM_TOKEN_KEYS_FILE)"
    monkeypatch.delenv("SIMSIM_TOKEN_KEYS_FILE")
    (scratch / "simsim.env").write_text(f"SIMSIM_TOKEN_KEYS={KEY}\n")
    assert environment.read().origin_of_keys() == f"SIMSIM_TOKEN_KEYS in {scratch}/simsim.env"
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS", KEY)
    assert environment.read().origin_of_keys() == "SIMSIM_TOKEN_KEYS"


@pytest.mark.parametrize("text", ["short", KEY[:-4], KEY + "AAAA", "é" * 43, f"{KEY},short"])
def test_key_of_the_wrong_length_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS", text)
    with pytest.raises(Unusable, match="SIMSIM_TOKEN_KEYS"):
        environment.read().key_ring()


def test_repr_of_the_settings_contains_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS", KEY)
    monkeypatch.setenv("SIMSIM_EMAIL_URL", "smtp://simsim:hunter2@mail.example:587")
    assert KEY not in repr(environment.read())
    assert "hunter2" not in repr(environment.read())


@pytest.mark.covers("R17")
def test_access_logs_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.read().parsed_access_logs() == []
    monkeypatch.setenv("SIMSIM_ACCESS_LOGS", "caddy:/a.json, envoy:all:/b.json")
    found = environment.read().parsed_access_logs()
    assert [(str(log.path), log.is_all_ours) for log in found] == [("/a.json", False), ("/b.json", True)]
