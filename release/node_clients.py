"""Makes the TypeScript client and the Postman collection out of the OpenAPI document, with kept generators from npm.

Nothing that they write is checked in. `make node-clients` leaves a package for npm and a collection in dist/.
"""

import contextlib
import fcntl
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from client import CHECKOUT, openapi_document

TOOLS = CHECKOUT / "release/node"
# Where npm installs the generators: outside of what is checked in.
WORKSHOP = CHECKOUT / ".cache/node"
SERVER = "https://console.example.com/api/v1"
COLLECTION = "simsim.postman_collection.json"
CHOICES = "folderStrategy=Tags,parametersResolution=Example,enableOptionalParameters=false"


def main(folder: Path) -> int:
    """Make both in `folder`, print their paths, and return the exit status."""
    document = openapi_document()
    document["servers"] = [{"url": SERVER}]
    folder.mkdir(parents=True, exist_ok=True)
    with workshop_alone():
        install()
        (WORKSHOP / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
        for made in (typescript_package(folder), postman_collection(folder)):
            sys.stdout.write(f"{made}\n")
    return 0


@contextlib.contextmanager
def workshop_alone() -> Iterator[None]:
    """Wait until no other process works in the workshop: `npm ci` begins by removing what another one runs."""
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    with (WORKSHOP / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install() -> None:
    """Install the generators that the lock names, unless they are there already."""
    lock, installed = TOOLS / "package-lock.json", WORKSHOP / "node_modules/installed.json"
    for path in TOOLS.iterdir():
        shutil.copy(path, WORKSHOP)
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        run("npm", "ci", "--silent")
        shutil.copy(lock, installed)


def typescript_package(folder: Path) -> Path:
    """Return the package of the TypeScript client, as `npm install` takes it."""
    package = WORKSHOP / "typescript"
    shutil.rmtree(package, ignore_errors=True)
    run("npx", "--no-install", "openapi-ts", "--silent", "--no-log-file")
    about = {
        "name": "simsim-client", "version": version(), "description": "The management API of Simsim", "type": "module",
        "license": "Apache-2.0", "exports": {".": "./dist/index.js", "./client": "./dist/client.gen.js"},
        "files": ["dist", "src"],
    }  # fmt: skip
    (package / "package.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
    # After package.json, whose "type" tells the compiler to write modules.
    run("npx", "--no-install", "tsc", "--project", ".")
    run("npm", "pack", "--silent", "./typescript", "--pack-destination", str(folder.resolve()))
    return folder / f"simsim-client-{version()}.tgz"


def version() -> str:
    found: str = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def postman_collection(folder: Path) -> Path:
    """Return the collection. A variable stands for each id in a path, so that people enter it once."""
    raw, made = WORKSHOP / "collection.json", folder / COLLECTION
    run("npx", "--no-install", "openapi2postmanv2", "-s", "openapi.json", "-o", str(raw), "-O", CHOICES)
    collection = json.loads(raw.read_text(encoding="utf-8"))
    names: dict[str, None] = {}
    for item in requests_in(collection["item"]):
        # Examples of every error would make the file ten times as large; the document has them.
        item["response"] = []
        for variable in item["request"]["url"].get("variable", ()):
            variable["value"] = f"{{{{{variable['key']}}}}}"
            names[variable["key"]] = None
    known = ["basicAuthUsername", "basicAuthPassword", *names]
    collection["variable"] += [{"key": name, "value": ""} for name in known]
    made.write_text(json.dumps(collection, indent=1), encoding="utf-8")
    return made


def requests_in(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield from requests_in(item["item"]) if "item" in item else [item]


def run(*command: str) -> None:
    """Run a program of npm's where the generators are; exit with what it said if it fails."""
    try:
        done = subprocess.run(command, cwd=WORKSHOP, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is missing: install Node.js 20.19 or newer, with npm") from None
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])}: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
