"""One running product that the tests of this folder share: to start one takes longer than most of them."""

from collections.abc import Iterator

import pytest

from settings_for_tests import ON_POSTGRESQL
from stack import Stack, running


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # The tests call from 127.0.0.1, which no proxy is, or from 127.0.0.2, which one is.
    directory = tmp_path_factory.mktemp("stack")
    (directory / "scanner-keys.json").write_text('{"public_keys": []}')
    settings = {
        "SIMSIM_TRUSTED_PROXIES": "127.0.0.2",
        "SIMSIM_LEAK_REPORT_KEYS": str(directory / "scanner-keys.json"),
    }
    with running(directory, on_postgresql=ON_POSTGRESQL, settings=settings) as started:
        yield started
