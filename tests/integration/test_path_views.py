"""The path on which the gate decides is the path that reaches the API: behind each proxy, and in each middleware."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from documented_proxies import StackWithProxies
from path_views import prove_middleware, prove_proxy, proxied

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B16"), pytest.mark.timeout(600)]
DRAWN = 150
MAKES = ["caddy", "nginx", "haproxy"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackWithProxies]:
    with proxied(tmp_path_factory.mktemp("views"), MAKES) as stack:
        yield stack


@pytest.mark.parametrize("make", ["gateway", *MAKES])
def test_proxy_passes_on_the_path_that_was_judged(stack: StackWithProxies, make: str) -> None:
    arrived, refused = prove_proxy(stack, make, DRAWN)
    assert min(arrived, refused) > DRAWN / 20


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_application_gets_the_path_that_its_middleware_judged(interface: str, tmp_path: Path) -> None:
    arrived, refused = prove_middleware(interface, tmp_path, DRAWN)
    assert min(arrived, refused) > DRAWN / 20
