"""The configurations of other proxies: the command line prints what the documentation shows, for the operator's API."""

from pathlib import Path

import pytest

import preloaded
from simsim.gateway.addresses import HostPort
from simsim.gateway.proxy_files import FILES, OtherProxy, files_for
from simsim.problem import Unusable

pytestmark = pytest.mark.covers("B9")
ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "src/simsim/gateway/other_proxies"
PAGE = ROOT / "docs/operators/proxies.md"


@pytest.mark.parametrize("proxy", OtherProxy)
def test_printed_configuration_is_the_documented_one(proxy: OtherProxy, tmp_path: Path) -> None:
    command = ["gateway", "--upstream", "http://127.0.0.1:9000", "--print-config", "--for", proxy]
    done = preloaded.run(command, env={"SIMSIM_DATA_DIR": str(tmp_path), "PATH": ""})
    texts = {path: (FOLDER / name).read_text(encoding="utf-8") for path, name in FILES[proxy].items()}
    if len(texts) == 1:
        assert done.stdout == next(iter(texts.values()))
    else:
        assert all(f"==> {path} <==\n{text}" in done.stdout for path, text in texts.items())
    page = PAGE.read_text(encoding="utf-8")
    for path, name in FILES[proxy].items():
        assert f"{{literalinclude}} ../../src/simsim/gateway/other_proxies/{name}\n" in page
        assert f"`{path}`" in page


@pytest.mark.parametrize("proxy", OtherProxy)
def test_configuration_names_the_operators_api_and_gate(proxy: OtherProxy) -> None:
    # The API stands where the documented gate does, and the gate where the documented API does.
    text = "".join(files_for(proxy, "http://127.0.0.1:8001", HostPort("127.0.0.1", 9000)).values())
    documented = "".join(files_for(proxy).values())
    assert text != documented
    assert text.count("9000") == documented.count("8001")
    assert text.count("8001") == documented.count("9000")


def test_api_over_https_is_refused_in_one_line() -> None:
    with pytest.raises(Unusable, match="--for: the configurations of other proxies reach the API over http only"):
        files_for(OtherProxy.CADDY, "https://api.example.com")
