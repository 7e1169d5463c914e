"""Says from what a release was built: `provenance.py FOLDER`, where FOLDER holds its packages and SHA256SUMS.

An in-toto statement with the predicate of SLSA (https://slsa.dev/spec/v1.0/provenance). It is not signed: whoever
publishes a release signs the statement, or the folder, with their own key.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from build import CHECKOUT, LOCK, VERSION, sha256


def main(folder: Path) -> None:
    """Write the statement about every file that SHA256SUMS lists into the folder, and print its path."""
    path = folder / f"simsim-{VERSION}.provenance.json"
    path.write_text(json.dumps(statement(folder), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}\n")


def statement(folder: Path) -> dict[str, Any]:
    """Return the statement; it names no commit if the packages were built outside of a Git checkout."""
    sums = (line.split() for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    materials = [{"name": f"requirements/{LOCK.name}", "digest": {"sha256": sha256(LOCK)}}]
    commit = git("rev-parse", "HEAD")
    if commit:
        source: dict[str, Any] = {"name": "source", "digest": {"gitCommit": commit}}
        materials.insert(0, source)
        source["annotations"] = {"changed": bool(git("status", "--porcelain"))}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for digest, name in sums],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:simsim:make-release:1",
                "externalParameters": {"version": VERSION},
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": "urn:simsim:checkout"}},
        },
    }


def git(*arguments: str) -> str:
    """Return what Git prints about the checkout, "" if it is none."""
    if not (CHECKOUT / ".git").exists():
        return ""
    return subprocess.run(("git", *arguments), cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
