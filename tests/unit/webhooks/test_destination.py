"""Webhooks reach the internet and what the operator allows, and nothing else (SSRF)."""

import ipaddress
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import tls_files
from simsim.config.webhook_settings import read_webhook_rules
from simsim.delivery.connection import ReceiverUnavailable
from simsim.problem import Invalid, Unusable
from simsim.webhooks.destination import (
    AddressNotAllowed,
    DestinationRules,
    Resolve,
    checked_addresses,
    is_public,
    parse_url,
    tls_context,
)

pytestmark = [pytest.mark.covers("B20"), pytest.mark.any_database]
STRICT = DestinationRules()
PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.7", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.88.99.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.7", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.7",
    "::ffff:169.254.169.254", "64:ff9b::10.0.0.7", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "3fff::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a00:7::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "192.167.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2606:4700::1111",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_not_public(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert not is_public(address)
    assert not STRICT.allows(address)
    with pytest.raises(AddressNotAllowed):
        checked_addresses(urlsplit("https://hooks.example/"), STRICT, resolve=lambda _host, _port: ["8.8.8.8", text])


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))
    found = checked_addresses(urlsplit("https://hooks.example:8443/"), STRICT, resolve=lambda _host, _port: [text])
    assert found == [(text.removeprefix("::ffff:"), 8443)]


@pytest.mark.parametrize(
    ("network", "allowed", "refused"),
    [
        ("10.1.0.0/16", "10.1.2.3", "10.2.0.1"),
        ("10.1.0.0/16", "::ffff:10.1.2.3", "::ffff:10.2.0.1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
        ("fd00:1::/32", "fd00:1::7", "fd00:2::7"),
    ],
)
def test_operator_allows_single_networks(network: str, allowed: str, refused: str) -> None:
    rules = read_webhook_rules([network], False, "")
    assert rules.allows(ipaddress.ip_address(allowed))
    assert not rules.allows(ipaddress.ip_address(refused))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/", "https://hooks.example:8443/a?b=c&d=%20", "https://8.8.8.8/", "HTTPS://hooks.example",
        "https://[2606:4700::1111]/", " https://hooks.example/ ",
    ],
)  # fmt: skip
def test_usable_urls(url: str) -> None:
    assert parse_url(url, STRICT) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example", "https://", "https:///path", "https://user@hooks.example/", "https://u:p@hooks.example/",
        "https://hooks.example/#part", "https://hooks.example/a b", "https://hooks.example/\r\nHost: evil",
        "ftp://hooks.example/", "file:///etc/passwd", "http://hooks.example/", "https://hooks.example:0/",
        "https://hooks.example:99999/", "https://[::1/", "https://höoks.example/", f"https://a.example/{'a' * 2000}",
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest/meta-data/",
        "https://localhost/", "https://metadata.google.internal/", "https://printer.local/", "gopher://hooks.example/",
        "https://hooks.example\\@127.0.0.1/",
    ],
)  # fmt: skip
def test_unusable_urls(url: str) -> None:
    with pytest.raises(Invalid) as problem:
        parse_url(url, STRICT)
    assert [error.field for error in problem.value.errors] == ["url"]


def test_http_only_where_the_operator_allows_it() -> None:
    rules = read_webhook_rules([], True, "")
    assert parse_url("http://hooks.example/", rules)
    with pytest.raises(Invalid):
        parse_url("http://127.0.0.1/", rules)


def test_a_name_that_is_not_found_is_said_and_may_be_found_later() -> None:
    def fails(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    answers: list[Resolve] = [fails, lambda _host, _port: []]
    for resolve in answers:
        with pytest.raises(ReceiverUnavailable, match="DNS"):
            checked_addresses(urlsplit("https://hooks.example/"), STRICT, resolve=resolve)


def test_bad_settings_stop_the_start(tmp_path: Path) -> None:
    for networks in (["10.0.0.0/33"], ["0.0.0.0/0"], ["::/0"], ["hooks.example"]):
        with pytest.raises(Unusable, match="SIMSIM_WEBHOOK_ALLOW_NETWORKS"):
            read_webhook_rules(networks, False, "")
    (tmp_path / "empty.pem").write_text("")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(Unusable, match="SIMSIM_WEBHOOK_CA"):
            read_webhook_rules([], False, str(tmp_path / name))
    certificate, _ = tls_files.make(tmp_path)
    context = tls_context(read_webhook_rules([], False, str(certificate)).authorities)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
