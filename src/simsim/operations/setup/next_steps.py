"""The report of `simsim setup`: what it changed, what is wrong, and the commands that come next."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from simsim.health.doctor.findings import Finding

GATEWAY = "http://127.0.0.1:8080/"
DEFAULT_PORT = 8000


@dataclass(frozen=True)
class Step:
    """A command to type, and what it does, in a few words."""

    command: str
    purpose: str


@dataclass(frozen=True)
class Report:
    """What `simsim setup` did. `shared_keys` is the folder of keys that every node needs, None on SQLite."""

    done: list[str]
    account: dict[str, str] | None
    administrator: str | None
    keeps_password: bool
    findings: "list[Finding]"
    steps: list[Step]
    shared_keys: Path | None

    def document(self) -> dict[str, object]:
        return {
            "done": self.done,
            "account": self.account,
            "administrator": self.administrator,
            "checks": [finding.document() for finding in self.findings],
            "next": [step.command for step in self.steps],
        }

    def text(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        yield from self.done or ["Everything is set up already. Nothing was changed."]
        if self.keeps_password:
            yield f"{self.administrator} keeps their password. To set a new one: simsim user reset-password EMAIL"
        wrong = [finding for finding in self.findings if not finding.is_good]
        yield f"Checked {len(self.findings)} parts. Wrong: {len(wrong)}."
        for finding in wrong:
            yield f"WRONG    {finding.subject}: {finding.detail}"
        if self.shared_keys:
            yield f"Every node needs the same keys: copy {self.shared_keys} to the data directory of each other node."
        yield "\nNext:"
        for step in self.steps:
            yield f"\n# {step.purpose}\n{step.command}"


def next_steps(*, data_dir: Path, base_url: str, upstream: str, account_id: str, email: str) -> list[Step]:
    """Return the commands that protect an API, each complete, so that it can be pasted."""
    console = urlsplit(base_url)
    is_own_port = console.scheme == "http" and console.hostname in {"localhost", "127.0.0.1"} and console.port
    port = f" --port {console.port}" if is_own_port and console.port != DEFAULT_PORT else ""
    names = f"--account {account_id or 'ACCOUNT_ID'} --as {shlex.quote(email) if email else 'EMAIL'}"
    return [
        Step(export_line(data_dir), "In each terminal that you open:"),
        Step(f"simsim serve{port}", "The console, the gate and the worker:"),
        Step(f"simsim gateway --upstream {shlex.quote(upstream)}", "The gateway, in a second terminal:"),
        Step(f"curl -i {GATEWAY}", "In a third terminal, a request without credentials, which gets 401:"),
        Step(f'simsim token create {names} --name "First token" --expires 30d', "A username and a password:"),
        Step(f"curl -i -u 'USERNAME:PASSWORD' {GATEWAY}", "The same request with them, which your API answers:"),
    ]


def export_line(data_dir: Path) -> str:
    """Return the line that lets a new terminal find this command and this data directory."""
    variables = [f"SIMSIM_DATA_DIR={shlex.quote(str(data_dir))}"]
    program = Path(shutil.which(sys.argv[0]) or sys.argv[0]).absolute()
    if program.name == "simsim" and program.parent not in {Path("/usr/bin"), Path("/usr/local/bin")}:
        variables.append(f'PATH={shlex.quote(str(program.parent))}:"$PATH"')
    return f"export {' '.join(variables)}"
