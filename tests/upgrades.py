"""A stack in environments of its own that is reloaded, given a new certificate and upgraded while clients call it."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tls_files
from environments import Environments
from stack import Stack, basic, settled
from steady_load import SteadyLoad, serial_presented

SERVICES = ("serve", "worker", "gateway")


class UpgradedStack(Stack):
    """Console, gate, worker, and a gateway with TLS; their program is the one of the current environment."""

    def start(self) -> None:
        self.environments = Environments(self.directory / "environments")
        self.make_first_version()
        self.certificate, self.key = tls_files.make(self.directory)
        program, api = self.environments.program, f"http://127.0.0.1:{self.api_port}"
        listen = f"127.0.0.1:{self.gateway_port}"
        tls = ("--tls-certificate", self.certificate, "--tls-key", self.key)
        self.spawn("api", sys.executable, "-m", "simsim.demo.sample_api", "--port", str(self.api_port))
        self.spawn("serve", program, "serve", "--port", str(self.console_port), "--no-worker", *tls)
        self.spawn("worker", program, "worker")
        self.spawn("gateway", program, "gateway", "--upstream", api, "--listen", listen, *tls)
        trust = tls_files.trusting(self.certificate)
        self.wait_until(lambda: "Ctrl-C" in self.said_by("serve"), "serve answers")
        self.wait_until(lambda: serial_presented(self.gateway_port, trust), "the gateway answers")
        self.wait_until(lambda: self.get("/status/200", port=self.api_port).status == 200, "the API answers")

    def make_first_version(self) -> None:
        """Install the version that is upgraded later, with its database: here our own code."""
        self.environments.make("before")
        self.environments.switch("before")
        self.copy(settled(self.on_postgresql))

    def make_next_version(self) -> None:
        self.environments.make("after", with_migration=True)

    def said_by(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def reload(self, *names: str, says: str = "Reloaded") -> None:
        """Reload services, and return when each has said so."""
        before = {name: self.said_by(name).count(says) for name in names}
        for name in names:
            self.processes[name].send_signal(signal.SIGHUP)
        for name in names:
            self.wait_until(lambda name=name: self.said_by(name).count(says) > before[name], f"{name} reloads")

    def upgrade(self) -> None:
        """Install the next version, migrate with it beside the running code, and reload."""
        self.make_next_version()
        self.environments.switch("after")
        self.planned = json.loads(self.run("upgrade", "--check", "--json"))
        self.run("migrate")
        self.reload(*SERVICES)

    def run(self, *arguments: str, stdin: str = "", timeout: float = 120) -> str:
        """Run the command line of the current environment, which must succeed, and return what it printed."""
        command = [str(self.environments.program), *arguments]
        done = subprocess.run(
            command, env=self.environment, input=stdin, timeout=timeout, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def codes(self) -> Counter[str]:
        """Return which environment's code the running processes of Simsim have."""
        lines = (line.split() for line in (self.data / "codes").read_text().splitlines())
        latest = {int(pid): name for pid, name, _ in lines}
        return Counter(name for pid, name in latest.items() if Path(f"/proc/{pid}").exists())


class LandedStack(UpgradedStack):
    """The same, upgraded from an earlier commit with its own dependencies, schema and data to the code of today."""

    commit = ""
    # The earlier version may not know these. The later one finds them in simsim.env.
    later_settings = ("SIMSIM_FAILURES_PER_ADDRESS", "SIMSIM_FAILURES_PER_USERNAME")

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in super().environment.items() if name not in self.later_settings}

    def make_first_version(self) -> None:
        self.data.mkdir(mode=0o700)
        self.environments.make_from_commit("before", self.commit)
        self.environments.switch("before")
        self.settle()

    def make_next_version(self) -> None:
        with (self.data / "simsim.env").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}=0\n" for name in self.later_settings)
        self.environments.make("after")


def load_during_upgrade(
    stack: UpgradedStack, *, rate: int, pause: Callable[[], None], reloads_first: bool = False
) -> SteadyLoad:
    """Reload, present another certificate and upgrade under load, with a pause before each step and at the end."""
    token, revoked = stack.create_token("Load"), stack.create_token("Revoked")
    stack.revoke(revoked["id"])
    good, bad = (basic((each["username"], each["password"])) for each in (token, revoked))
    trust = tls_files.trusting(stack.certificate)
    ports = (stack.gateway_port, stack.console_port)
    first = {serial_presented(port, trust) for port in ports}
    load = SteadyLoad(stack.gateway_port, good, bad, rate=rate, tls=trust)
    with load.running():
        pause()
        if reloads_first:
            stack.reload(*SERVICES)
            pause()
        tls_files.make(stack.directory)
        trust.load_verify_locations(stack.certificate)
        stack.reload("serve", "gateway")
        stack.wait_until(
            lambda: not first & {serial_presented(port, trust) for port in ports}, "the new certificate is presented"
        )
        pause()
        stack.upgrade()
        pause()
    return load


def prove_nothing_lost(stack: UpgradedStack, load: SteadyLoad) -> None:
    """Every request got what it had to get, and stands in the log exactly once, with the outcome that it had."""
    assert not load.failures(), load.failures()
    sent = {each.path: each for each in load.sent}
    assert len(sent) == len(load.sent)
    deadline = time.monotonic() + 60
    while stack.count_log() < len(sent) and time.monotonic() < deadline:
        time.sleep(0.5)
    rows = [row for row in exported(stack) if row["resource"].startswith("/n/")]
    logged = Counter(row["resource"] for row in rows)
    assert logged == Counter(sent.keys()), (logged - Counter(sent.keys()), Counter(sent.keys()) - logged)
    outcomes = {404: "accepted", 401: "refused"}
    wanted = {path: (each.wanted, outcomes[each.wanted]) for path, each in sent.items()}
    assert {row["resource"]: (row["status"], row["outcome"]) for row in rows} == wanted


def exported(stack: UpgradedStack) -> list[dict[str, Any]]:
    """Return every row of Acme's log: quicker than page by page."""
    printed = stack.run("log", "export", "--account", stack.account, "--format", "jsonl", timeout=120)
    return [json.loads(line) for line in printed.splitlines()]
