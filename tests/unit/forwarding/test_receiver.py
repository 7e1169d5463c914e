"""The receiver's settings, and the one-line errors about unusable ones."""

from pathlib import Path

import pytest

from receivers import SECRET, certificate
from simsim.config import environment
from simsim.forwarding.receiver import Protocol, Target, read_target
from simsim.problem import Unusable

pytestmark = pytest.mark.covers("R10")


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path))


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> Target | None:
    for name, value in values.items():
        monkeypatch.setenv(f"SIMSIM_FORWARD_{name}", value)
    return environment.read().forward_target()


@pytest.mark.parametrize(
    "url",
    [
        "siem.example", "ftp://siem.example", "https://", "https://[siem", "https://:443/x", "https://siem.example:0/",
        "https://siem.example:99999/", "https://u:topsecret@siem.example/", "https://siem.example/a b",
        "https://siem.example/\r\nX: y", "https://siem.example/#topsecret", "http://siem.example/", "http://127.0.0.1.x/",
        "syslog://siem.example/topsecret", "syslog+tls://siem.example?x=1", "udp://siem.example",
    ],
)  # fmt: skip
def test_error_about_an_unusable_url_is_one_line_without_the_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unusable, match=r"^SIMSIM_FORWARD_URL") as caught:
        given(monkeypatch, URL=url, SECRET="" if url.startswith("syslog") else SECRET)
    assert "\n" not in str(caught.value)
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "hunter2", "whsec_aHVudGVyMg==", "whsec_%%%", SECRET[6:], "whsec_" + "A" * 200])
def test_webhook_without_a_good_secret_stops_the_start(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unusable, match=r"^SIMSIM_FORWARD_SECRET") as caught:
        given(monkeypatch, URL="https://siem.example/", SECRET=secret)
    assert not secret or secret not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("SECRET", {"URL": "syslog://siem.example", "SECRET": SECRET}),
        ("WHAT", {"WHAT": "everything"}), ("WHAT", {"WHAT": ""}),
        ("CA", {"URL": "syslog+tls://siem.example", "CA": "/nowhere/ca.pem"}),
        ("CA", {"URL": "syslog+tls://siem.example", "CA": __file__}),
        ("CA", {"URL": "syslog://siem.example", "CA": "/nowhere/ca.pem"}),
    ],
)  # fmt: skip
def test_setting_without_effect_stops_the_start(
    name: str, values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unusable, match=f"^SIMSIM_FORWARD_{name}"):
        given(monkeypatch, **values)


def test_usable_urls_give_protocol_port_and_path(tmp_path: Path) -> None:
    hook = read_target("https://siem.example/hooks/1?x=2", SECRET, "")
    assert (hook.protocol, hook.is_tls, hook.port, hook.path) == (Protocol.WEBHOOK, True, 443, "/hooks/1?x=2")
    assert read_target("http://localhost:8088", SECRET, "").path == "/"
    assert read_target("http://[::1]:8088", SECRET, "").place == "[::1]:8088"
    tls = read_target("syslog+tls://siem.example", "", str(certificate(tmp_path)[0]))
    assert (tls.protocol, tls.is_tls, tls.port) == (Protocol.SYSLOG, True, 6514)
    assert read_target("syslog://siem.example", "", "").port == 514


def test_nothing_is_forwarded_without_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch) is None


@pytest.mark.covers("B6")
def test_secret_is_read_from_a_file_and_never_shown_by_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("SIMSIM_FORWARD_SECRET_FILE", str(tmp_path / "secret"))
    target = given(monkeypatch, URL="https://siem.example/hooks/planted")
    assert target is not None
    assert target.secrets
    for text in (repr(target), repr(environment.read()), target.place):
        assert "planted" not in text
        assert "a secret of the tests" not in text
        assert SECRET not in text
