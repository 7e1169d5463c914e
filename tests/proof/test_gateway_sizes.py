"""A gigabyte passes through the gateway, on both nginxes, without being stored."""

from collections.abc import Iterator

import pytest

import gateway_memory
from gateway_front import Front
from simsim.gateway.nginx_program import packaged_binary, system_binary

GIGABYTE = 1024**3


@pytest.fixture(params=["system", "packaged"])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    binary = system_binary() if request.param == "system" else packaged_binary()
    assert binary is not None
    started = Front(tmp_path_factory.mktemp(f"gateway-{request.param}"))
    started.start(binary)
    yield started
    started.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("transfer", [gateway_memory.download, gateway_memory.echo])
def test_gigabyte_passes_without_being_stored(front: Front, transfer: gateway_memory.Transfer) -> None:
    gateway_memory.prove_that_nothing_is_stored(front, transfer, GIGABYTE)
