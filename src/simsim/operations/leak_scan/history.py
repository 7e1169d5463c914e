"""Reads everything that a Git repository has ever held: files, commit and tag messages, reachable or not."""

import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from simsim.operations.leak_scan.files import CHUNK, Content
from simsim.problem import Unusable

# Nothing that a foreign repository's own settings name may run.
GIT = (
    "git",
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "log.showSignature=false",
    "-c",
    "core.hooksPath=/dev/null",
)
TREE = b"tree"


@dataclass(frozen=True)
class Repository:
    """A Git repository, with or without a working tree."""

    path: Path

    def objects(self) -> Iterator[Content]:
        """Return every object that can hold text, named by its id.

        Raises Unusable if Git is missing, or refuses the repository.
        """
        ids = self.git("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype)")
        wanted = [each.split()[0] for each in ids.splitlines() if not each.endswith(TREE)]
        command = [*GIT, "-C", str(self.path), "cat-file", "--batch"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as process:
            stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
            asking = threading.Thread(target=ask, args=(stdin, wanted), daemon=True)
            asking.start()
            for each in wanted:
                size = int(stdout.readline().split()[2])
                yield Content(each.decode(), read(stdout, size))
                stdout.read(1)  # a newline follows each object
            asking.join()

    def place(self, object_id: str) -> str:
        """Return where people find the object: a commit and a path, a message, or nowhere."""
        kind = self.git("cat-file", "-t", object_id).decode().strip()
        if kind != "blob":
            return f"{self.path}: message of {kind} {object_id[:12]}"
        found = self.git(
            "log", "--all", "--format=%h", "--name-only", "--no-renames", f"--find-object={object_id}", "-1"
        )
        lines = found.decode(errors="replace").split("\n")
        if len(lines) < 3:
            return f"{self.path}: object {object_id[:12]}, which no branch or tag reaches"
        return f"{self.path}: {lines[2]} in commit {lines[0]}"

    def git(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                [*GIT, "-C", str(self.path), *arguments], capture_output=True, check=True, env=environment()
            )
        except FileNotFoundError:
            raise Unusable("Scanning the history of %(path)s needs git: install it, or use --no-history",
                           path=str(self.path)) from None  # fmt: skip
        except subprocess.CalledProcessError as error:
            first = error.stderr.decode(errors="replace").strip().splitlines()[:1]
            raise Unusable("Git can't read the history of %(path)s: %(reason)s", path=str(self.path),
                           reason=(first or ["unknown reason"])[0]) from None  # fmt: skip
        return done.stdout


def repositories(path: Path) -> Iterator[Repository]:
    """Return the repositories whose top is this folder or lies below it."""
    if not path.is_dir():
        return
    for folder, folders, files in os.walk(path):
        if ".git" in folders or ".git" in files:
            yield Repository(Path(folder))
        elif "HEAD" in files and {"objects", "refs"} <= set(folders):
            yield Repository(Path(folder))
            folders.clear()
        if ".git" in folders:
            folders.remove(".git")


def ask(stdin: IO[bytes], ids: list[bytes]) -> None:
    with stdin:
        for each in ids:
            stdin.write(each + b"\n")


def read(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = stream.read(min(size, CHUNK))
        if not chunk:
            raise EOFError
        size -= len(chunk)
        yield chunk


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SIMSIM_"))}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
