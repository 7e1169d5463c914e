"""systemd's units as the tests read them, and their commands run with the system calls that the units allow.

As a script (`units.py UNIT COMMAND…`) this module limits itself to the unit's system calls and becomes the command.
"""

import ctypes
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

UNITS = Path(__file__).parents[1] / "release/systemd"
PROGRAMS = "/opt/simsim/bin"
STATE = "/var/lib/simsim"
ALLOW = 0x7FFF0000  # seccomp.h: SCMP_ACT_ALLOW
FAIL_WITH_EPERM = 0x00050001  # SCMP_ACT_ERRNO(EPERM)


def read(unit: Path) -> dict[str, list[str]]:
    """Return each setting of the unit with its values, in their order."""
    settings: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


def environment(unit: Path, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the unit sets; `overrides` is what /etc/default/simsim contains."""
    words = [word for line in read(unit)["Environment"] for word in shlex.split(line)]
    return dict(word.split("=", 1) for word in words) | dict(overrides)


def start_command(unit: Path, programs: Path, variables: Mapping[str, str]) -> list[str]:
    """Return the unit's ExecStart as systemd splits it: `$NAME` becomes one argument for each word."""
    (line,) = read(unit)["ExecStart"]
    assert line.startswith(f"{PROGRAMS}/")
    words = line.replace(PROGRAMS, str(programs), 1).split()
    return [part for word in words for part in (variables[word[1:]].split() if word[0] == "$" else [word])]


def confined(unit: Path, command: list[str]) -> list[str]:
    """Return the command as the unit runs it: without capabilities, and with the unit's system calls only."""
    # Root of a new user namespace that is mapped to another number has no capability, and still owns its files.
    other_user = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.geteuid() == 0 else ()
    return [*other_user, sys.executable, str(Path(__file__).resolve()), str(unit), *command]


def allowed_calls(unit: Path) -> set[str]:
    """Return the names of the system calls that the unit allows."""
    groups = system_call_groups()
    allowed: set[str] = set()
    for line in read(unit)["SystemCallFilter"]:
        calls = {call for word in line.removeprefix("~").split() for call in members(word, groups)}
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def system_call_groups() -> dict[str, list[str]]:
    """Return systemd's groups of system calls; a member may be another group."""
    command = ("systemd-analyze", "syscall-filter", "--no-pager")
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    groups: dict[str, list[str]] = {}
    for line in printed.splitlines():
        if line.startswith("@"):
            groups[line.strip()] = group = []
        elif found := re.fullmatch(r" +([@\w-]+)", line):
            group.append(found[1])
    return groups


def members(name: str, groups: Mapping[str, list[str]]) -> Iterator[str]:
    if not name.startswith("@"):
        yield name
        return
    for member in groups[name]:
        yield from members(member, groups)


def limit_to(calls: set[str]) -> None:
    """Make every other system call of this process, and of those that it starts, fail with EPERM."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(FAIL_WITH_EPERM)))
    for call in calls:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # negative: this processor has no such call
            assert library.seccomp_rule_add(rules, ctypes.c_uint32(ALLOW), number, 0) == 0, call
    assert library.seccomp_load(rules) == 0


if __name__ == "__main__":
    limit_to(allowed_calls(Path(sys.argv[1])))
    os.execv(sys.argv[2], sys.argv[2:])
