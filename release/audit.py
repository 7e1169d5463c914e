"""Checks every locked package of PyPI against the vulnerabilities that OSV knows: `audit.py [options of pip-audit]`.

Exits 0 if none is known, 1 if one is, and 2 if the question was not answered: then nothing is known about the packages.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

# The locks are nested, so this one holds the packages of all of them.
LOCK = Path(__file__).parents[1] / "requirements/bench.txt"


def main(*options: str, lock: Path = LOCK) -> int:
    """Print what is known, and return the exit status."""
    command = (
        sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--vulnerability-service",
        "osv", "--strict", "--disable-pip", "--require-hashes", "--requirement", str(lock), *options,
    )  # fmt: skip
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        why = asked.stderr.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        sys.stderr.write(f"The packages could not be checked, so nothing is known about them. {why[0]}\n")
        return 2
    found = [(each, fault) for each in packages for fault in each["vulns"]]
    for package, fault in found:
        fixed = ", ".join(fault["fix_versions"]) or "no version yet"
        names = ", ".join([fault["id"], *fault["aliases"]])
        sys.stdout.write(f"{package['name']} {package['version']}: {names}, fixed in {fixed}\n")
    sys.stdout.write(f"{len(packages)} packages checked, {len(found)} known vulnerabilities.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
