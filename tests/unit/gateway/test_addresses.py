"""The addresses that an operator types, and the one-line errors about them."""

import pytest

from simsim.gateway.addresses import HEALTH_PATH, HostPort, parse_health, parse_listen, parse_upstream, resolve
from simsim.problem import Unusable

pytestmark = pytest.mark.covers("B9")


@pytest.mark.parametrize(
    ("text", "scheme", "place"),
    [
        ("http://127.0.0.1:9000", "http", "127.0.0.1:9000"),
        ("http://api.internal", "http", "api.internal:80"),
        ("https://api.internal/", "https", "api.internal:443"),
        ("http://[::1]:9000", "http", "[::1]:9000"),
    ],
)
def test_upstream_is_a_scheme_a_host_and_a_port(text: str, scheme: str, place: str) -> None:
    upstream = parse_upstream(text)
    assert (upstream.scheme, str(upstream.address)) == (scheme, place)


@pytest.mark.parametrize(
    "text",
    ["", "127.0.0.1:9000", "ftp://api", "http://", "http://api/v2", "http://api?x=1", "http://user:pw@api", "http://a:0x1",
     "http://a:99999", "http://api;return 200", "http://a b", "http://$host", "http://a{}", "http://a\nb", "http://-a"],
)  # fmt: skip
def test_invalid_upstream_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Unusable) as caught:
        parse_upstream(text)
    assert "--upstream" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value) or "pw" not in text


@pytest.mark.parametrize(
    ("text", "place"),
    [("8080", "127.0.0.1:8080"), ("0.0.0.0:80", "0.0.0.0:80"), ("[::]:8080", "[::]:8080"), ("a.b:1", "a.b:1")],
)  # fmt: skip
def test_listen_is_a_port_or_an_address_and_a_port(text: str, place: str) -> None:
    assert str(parse_listen(text)) == place


@pytest.mark.parametrize(
    "text", ["", "api", ":", "0", "65536", "::1:80", "[::1]", "[127.0.0.1]:80", "a;b:80", "127.0.0.1:٨٠", "unix:/x:1"]
)
def test_invalid_listen_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Unusable, match="--listen"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("http://127.0.0.1:9000", "127.0.0.1:9000"),
        ("http://api.internal:80", "api.internal"),
        ("https://api.internal", "api.internal"),
        ("https://api.internal:80", "api.internal:80"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_authority_is_the_host_header_of_the_apis_clients(text: str, authority: str) -> None:
    assert parse_upstream(text).authority == authority


@pytest.mark.parametrize("text", [HEALTH_PATH, "/healthz", ""])
def test_health_is_a_plain_path_or_none(text: str) -> None:
    assert parse_health(text) == text


@pytest.mark.parametrize("text", ["healthz", "/a b", "/a;b", "/a{", "/$host", "/a\n", "/é", "/a?b"])
def test_invalid_health_path_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Unusable, match="--health"):
        parse_health(text)


def test_address_resolves_to_itself_and_a_name_is_resolved() -> None:
    for host in ("127.0.0.1", "::1"):
        assert resolve(HostPort(host, 9)) == (HostPort(host, 9),)
    assert HostPort("127.0.0.1", 9) in resolve(HostPort("localhost", 9))


def test_name_that_cannot_be_resolved_is_reported_in_one_line() -> None:
    with pytest.raises(Unusable, match=r"--upstream: nowhere\.invalid"):
        resolve(HostPort("nowhere.invalid", 9))
