"""The fenced blocks of the documentation, and those of them that this machine can't run, or that another test runs.

`tests/integration/test_documented_examples.py` runs or checks every other block, and fails when a block has no place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A fence may be indented, in a list. `{toctree}` and the like are Sphinx's own.
FENCE = re.compile(
    r"^(?P<margin> *)(?P<fence>```+)(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=margin)(?P=fence)$", re.M | re.S
)
Key = tuple[str, str]  # the page, and words that only one of its blocks holds, or ^ and how only one of them begins


@dataclass(frozen=True)
class Example:
    page: str
    line: int
    language: str
    text: str

    def is_meant_by(self, key: Key) -> bool:
        page, words = key
        is_found = self.text.startswith(words[1:]) if words.startswith("^") else words in self.text
        return is_found and page == self.page


def pages() -> Iterator[Path]:
    """Yield every page of the documentation, and those beside it."""
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted(ROOT.glob("*.md"))


def examples_in(text: str, page: str) -> Iterator[Example]:
    for block in FENCE.finditer(text):
        if not block["language"].startswith("{"):
            line = text.count("\n", 0, block.start()) + 1
            yield Example(page, line, block["language"], re.sub(f"^{block['margin']}", "", block["text"], flags=re.M))


def examples() -> list[Example]:
    """Return every example, page by page in its order."""
    return [
        example
        for path in pages()
        for example in examples_in(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    ]


def example(page: str, words: str) -> Example:
    """Return the one example on the page that holds the words."""
    (found,) = [each for each in examples() if each.is_meant_by((page, words))]
    return found


# Blocks whose text another test reads from the page and runs. That test names the page.
ELSEWHERE: dict[str, list[Key]] = {
    "tests/integration/test_key_wrappers.py": [
        ("docs/operators/key-services.md", 'path "transit'),
        ("docs/operators/key-services.md", "vault secrets enable"),
        ("docs/operators/key-services.md", '"Effect": "Allow"'),
    ],
    "tests/integration/test_wrapped_keys.py": [
        ("docs/operators/key-services.md", "simsim keys wrap"),
        ("docs/operators/key-services.md", "simsim keys unwrap"),
    ],
    "tests/integration/test_start_page.py": [
        ("docs/start/index.md", "python3 -m venv simsim"),
        ("docs/start/index.md", "mkdir example"),
        ("docs/start/index.md", "simsim serve"),
        ("docs/start/index.md", "simsim gateway"),
        ("docs/start/index.md", "curl -i http"),
        ("docs/start/index.md", "simsim token create"),
        ("docs/start/index.md", "curl -i -u"),
        ("docs/start/index.md", "simsim log list"),
        ("docs/start/index.md", "simsim token revoke"),
        ("docs/start/postgresql.md", "createdb"),
        ("docs/start/postgresql.md", "simsim setup"),
    ],
    "tests/integration/test_middleware_servers.py": [
        ("docs/operators/middleware.md", "from fastapi"),
        ("docs/operators/middleware.md", "from starlette"),
        ("docs/operators/middleware.md", "from flask"),
        ("docs/operators/middleware.md", "from django"),
    ],
    "tests/integration/whole_product/test_management_api.py": [
        ("docs/integrators/management-api.md", "simsim management-token create"),
        ("docs/integrators/management-api.md", "status=active"),
        ("docs/integrators/management-api.md", "build-4711"),
        ("docs/integrators/management-api.md", "programs_may_rotate"),
        ("docs/integrators/management-api.md", '"$SIMSIM/self"'),
        ("docs/integrators/management-api.md", "rotation-2027-01"),
        ("docs/integrators/management-api.md", "CUSTOMER="),
        ("docs/integrators/management-api.md", "requests/follow"),
        ("docs/integrators/management-api.md", '"$SIMSIM/checks"'),
        ("docs/integrators/oauth.md", "oauth/introspect"),
        ("docs/integrators/oauth.md", "oauth/revoke"),
    ],
    "tests/integration/whole_product/test_python_client.py": [
        ("docs/integrators/clients.md", "expires soon"),
        ("docs/integrators/clients.md", "PreconditionFailed"),
        ("docs/integrators/clients.md", "asyncio"),
    ],
    "tests/integration/whole_product/test_leak_reports.py": [
        ("docs/security/leak-reports.md", "openssl genpkey"),
        ("docs/security/leak-reports.md", "openssl dgst"),
    ],
    "tests/integration/whole_product/test_remote_command_line.py": [("docs/operators/command-line.md", "--server")],
    "tests/integration/test_completion.py": [("docs/operators/command-line.md", "completion bash")],
    "tests/browser/test_portal_pages.py": [("docs/operators/portal.md", "from flask import")],
    "tests/integration/whole_product/test_node_clients.py": [("docs/integrators/clients.md", "simsim-client")],
    "tests/integration/whole_product/test_rotation_workflow.py": [
        ("docs/integrators/clients.md", "Rotate the API token")
    ],
    "tests/integration/test_webhooks.py": [("docs/integrators/webhooks.md", "from standardwebhooks")],
    "tests/integration/test_tls_in_front.py": [
        ("docs/operators/tls.md", "listen 443 ssl;"),
        ("docs/operators/tls.md", "grep -i strict-transport"),
    ],
}

# Blocks that no test runs, each with the reason. YAML among them is still read as YAML.
NOT_RUN: dict[Key, str] = {
    ("docs/integrators/webhooks.md", "import { Webhook }"): "needs a package from npm; the Python example is run",
    ("docs/integrators/webhooks.md", "function is_from_simsim"): "the tests have no PHP; the Python example is run",
    ("docs/security/threats.md", "gateway (nginx)"): "a picture of the flows of data",
    ("docs/security/leaks.md", "pip install simsim"): "installs from an index; test_packages.py installs the wheel",
    ("README.md", "make demo"): "it clones and downloads everything; test_demo.py runs what `make demo` starts",
    ("docs/integrators/connect.md", "Read-Host"): "PowerShell is not in Debian",
    ("docs/integrators/connect.md", "Json.Document"): "Power Query runs in Excel and Power BI only",
    ("docs/operators/containers.md", "docker build"): "no container engine; proof/test_container.py follows the recipe",
    ("docs/operators/containers.md", "up --detach"): "no container engine; proof/test_container.py runs each service",
    ("docs/operators/containers.md", "compose exec"): "no container engine",
    ("docs/operators/containers.md", "docker run"): "no container engine; proof/test_container.py runs the image",
    ("docs/operators/install.md", "apt install"): "changes the machine; test_packages.py unpacks and runs the package",
    ("docs/operators/upgrade.md", "apt install"): "changes the machine; test_debian_upgrade.py runs its scripts",
    ("docs/start/postgresql.md", "apt install"): "changes the machine; the tests have a PostgreSQL of their own",
    ("docs/operators/proxies.md", "certFile"): "a part of a file that the tests run without TLS",
    ("docs/operators/proxies.md", "DownstreamTlsContext"): "a part of a file that the tests run without TLS",
    ("docs/operators/proxies.md", "kind: Ingress"): "needs a Kubernetes cluster",
    ("docs/operators/proxies.md", "kind: Middleware"): "needs a Kubernetes cluster",
}
