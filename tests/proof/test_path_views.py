"""A hundred thousand paths through each proxy and each middleware: the gate and the API read the same path.

Envoy takes part where it is installed.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from documented_proxies import StackWithProxies
from path_views import prove_middleware, prove_proxy, proxied

NUMBER = 100_000
MAKES = ["caddy", "nginx", "haproxy", *(["envoy"] if shutil.which("envoy") else [])]
pytestmark = pytest.mark.timeout(7200)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackWithProxies]:
    with proxied(tmp_path_factory.mktemp("views"), MAKES) as stack:
        yield stack


@pytest.mark.parametrize("make", ["gateway", *MAKES])
def test_proxy_passes_on_the_path_that_was_judged(stack: StackWithProxies, make: str) -> None:
    print("{:,} arrived, {:,} did not".format(*prove_proxy(stack, make, NUMBER)))


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_application_gets_the_path_that_its_middleware_judged(interface: str, tmp_path: Path) -> None:
    print("{:,} arrived, {:,} did not".format(*prove_middleware(interface, tmp_path, NUMBER)))
