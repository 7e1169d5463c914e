"""A machine on which the documentation's examples run as they are written, in folders and on ports of its own.

Its substitutions are the one table of what is changed in an example. A few programs stand in for those that would
change the real machine; each of them runs the real one on the folder, or does what it does to our own processes.
"""

import getpass
import grp
import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from start_pages import answers, is_asking, read_until

ROOT = Path(__file__).parents[1]
# Folders of a real machine that lie in the reader's own.
FOLDERS = (
    "/etc/", "/backup/", "/saved/", "/run/secrets/", "/opt/simsim", "/var/lib/simsim", "/var/lib/node_exporter/",
)  # fmt: skip
STAND_INS = {
    # The units exist, and each running service gets what the unit's ExecReload sends.
    "systemctl": """
        case "$1" in
        daemon-reload) ls "$MACHINE"/etc/systemd/system/simsim.target ;;
        enable) shift; [ "$1" = --now ] && shift; exec /usr/bin/systemctl --quiet --root="$MACHINE" enable "$@" ;;
        reload) shift
          for unit; do
            grep -q '^ExecReload=/bin/kill -HUP $MAINPID$' "$UNITS/$unit.service"
            kill -HUP "$(cat "$PIDS/${unit#simsim-}")"
          done ;;
        *) echo "unknown: $*" >&2; exit 1 ;;
        esac""",
    "useradd": 'exec /usr/sbin/useradd --prefix "$MACHINE" "$@"',
    # An environment gets the pip of the tests: to unpack one of its own takes seconds.
    "python3": """
        case "$*" in
        "-m venv "*) "$PYTHON" -m venv --without-pip "$3"
          printf '#!/bin/sh\\nexec "%s/bin/python" -m pip --disable-pip-version-check "$@"\\n' "$3" >"$3/bin/pip"
          chmod +x "$3/bin/pip" ;;
        *) exec "$PYTHON" "$@" ;;
        esac""",
}


class Machine:
    """Runs examples. `values` are what the reader puts in place of the names in capitals, and addresses of this run."""

    def __init__(self, folder: Path, environment: Mapping[str, str], pids: Mapping[str, int], data: Path,
                 programs: Path) -> None:  # fmt: skip
        self.folder, self.home = folder, folder / "home"
        self.programs = folder / "stand-ins"
        user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
        self.values = {place: f"{folder}{place}" for place in FOLDERS} | {
            "/var/lib/simsim": str(data),
            "-o simsim -g simsim": f"-o {user} -g {group}",
            "-o root -g simsim": f"-o {user} -g {group}",
        }
        for name in (*FOLDERS, "/home", "/pids", "/stand-ins", "/etc/systemd/system"):
            if not name.startswith(("/opt/simsim", "/var/lib/simsim")):
                Path(f"{folder}{name}").mkdir(parents=True, exist_ok=True)
        for name, script in STAND_INS.items():
            (self.programs / name).write_text(f"#!/bin/sh\nset -e\n{script}\n")
            (self.programs / name).chmod(0o755)
        for name, pid in pids.items():
            (folder / "pids" / name).write_text(str(pid))
        self.environment = dict(environment) | {
            "PATH": f"{self.programs}:{programs}:{os.environ['PATH']}:/usr/sbin",
            "HOME": str(self.home), "MACHINE": str(folder), "PIDS": str(folder / "pids"),
            "UNITS": str(ROOT / "release/systemd"), "PYTHON": str(Path(sys.base_prefix) / "bin/python3"),
            "SIMSIM_DATA_DIR": str(data), "PIP_NO_COMPILE": "1",
        }  # fmt: skip

    def written(self, text: str) -> str:
        """Return the example with this machine's values: whole words only, each once."""
        names = sorted(self.values, key=len, reverse=True)
        pattern = "|".join(
            rf"(?<!\w){re.escape(name)}(?!\w)" if name[-1].isalnum() else re.escape(name) for name in names
        )
        return re.sub(pattern, lambda found: self.values[found[0]], text)

    def run(self, text: str, *, typed: str = "", settings: Mapping[str, str] | None = None, status: int = 0) -> str:
        """Run a block in bash, which stops at the first command that fails, and return what it printed."""
        command = ["bash", "-e", "-o", "pipefail", "-c", self.written(text)]
        done = subprocess.run(
            command, cwd=self.home, env=self.environment | dict(settings or {}), input=typed, capture_output=True,
            text=True, check=False, timeout=300, start_new_session=True,
        )  # fmt: skip
        assert done.returncode == status, f"{command[-1]}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def run_in_terminal(self, text: str, said: Mapping[str, str]) -> str:
        """Run a block with `simsim setup` in a terminal; answer as the start page does, but for what `said` holds."""
        terminal, end = pty.openpty()
        printed = ""
        command = ["bash", "-e", "-c", self.written(text)]
        with subprocess.Popen(command, cwd=self.home, env=self.environment, stdin=end, stdout=end, stderr=end,
                              start_new_session=True) as process:  # fmt: skip
            os.close(end)
            for question, answer in answers("index.md").items():
                printed += read_until(terminal, partial(is_asking, question))
                os.write(terminal, f"{said.get(question, self.values.get(answer, answer))}\n".encode())
            printed += read_until(terminal, lambda _: process.poll() is not None)
        os.close(terminal)
        assert process.returncode == 0, printed
        return printed

    def file(self, name: str, text: str) -> Path:
        """Write an example into a file in the reader's working folder, and return the file."""
        path = self.home / name
        path.write_text(self.written(text), encoding="utf-8")
        return path
