"""A demo in a directory of its own, as `make demo` starts it: for its tests, and for README's pictures."""

import http.client
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import preloaded
from postgresql_server import free_port
from processes import wait_for
from time_alone import seconds_alone

READY_SECONDS = 300


class Demo:
    """A demo in its own directory, started and stopped by the tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.use_ports(free_port(), free_port())
        self.printed: list[str] = []

    def use_ports(self, port: int, gateway_port: int) -> None:
        """Choose the ports of console and gateway, before the start."""
        self.port, self.gateway_port = port, gateway_port
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("SIMSIM_", "DJANGO_"))}
        self.environment = inherited | {
            "DEMO_DIR": str(self.directory), "DEMO_PORT": str(port), "DEMO_GATEWAY_PORT": str(gateway_port),
        }  # fmt: skip

    def start(self) -> float:
        """Start, wait until everything answers, and return how many seconds that took of its own."""
        self.printed.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simsim.demo"], env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            return seconds_alone(self.process.pid, self.is_ready, most_seconds=READY_SECONDS)
        except BaseException:
            os.killpg(self.process.pid, signal.SIGKILL)  # nobody else would end it, and the tests could not end either
            raise

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "".join(self.printed)
        return self.answer_file.exists()

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.printed.extend(lines)

    @property
    def answer_file(self) -> Path:
        return self.directory / "demo.json"

    @property
    def answers(self) -> dict[str, Any]:
        return dict(json.loads(self.answer_file.read_text()))

    def stop(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        status = self.process.wait(30)
        self.reader.join(30)
        return status

    def simsim(self, *arguments: str) -> Any:
        """Run the command line on the demo as a person would, with only SIMSIM_DATA_DIR set."""
        done = preloaded.run([*arguments, "--json"], env=self.environment | {"SIMSIM_DATA_DIR": str(self.directory)})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def curl(self) -> int:
        """Run the printed curl line and return the status."""
        # The answer file exists a moment before the line can be read from the pipe.
        wait_for(lambda: any(line.strip().startswith("curl ") for line in self.printed), 10, self.printed)
        line = next(line.strip() for line in self.printed if line.strip().startswith("curl "))
        done = subprocess.run(
            [*shlex.split(line), "-s", "-o", os.devnull, "-w", "%{http_code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    def mails(self) -> list[dict[str, str]]:
        url = urlsplit(self.answers["mail_url"])
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=5)
        connection.request("GET", "/messages.json")
        found: list[dict[str, str]] = json.loads(connection.getresponse().read())
        connection.close()
        return found
