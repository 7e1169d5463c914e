"""The image's recipe, followed without a container engine: its steps run in a root of their own, by chroot.

The base image is the machine's own /usr and Python. Needs root.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "release/container/Dockerfile"
COMPOSE = ROOT / "release/container/compose.yaml"
PYTHON = Path(sys.base_prefix)
# What a base image has in /etc, and what pip needs to find its index.
ETC = ("passwd", "group", "shadow", "gshadow", "login.defs", "nsswitch.conf", "hosts", "resolv.conf", "pip.conf", "ssl")
# $1: the root. $2: the folder that is the volume, or empty. The rest: the command, in that root.
ENTER = f"""
set -e
root=$1; volume=$2; shift 2
mount --bind "$root" "$root"
mount --bind /usr "$root/usr"
mount --bind {PYTHON} "$root{PYTHON}"
mount --rbind /dev "$root/dev"
mount -t proc none "$root/proc"
mount -t tmpfs none "$root/tmp"
chmod 1777 "$root/tmp"
[ -z "$volume" ] || {{
  mount --bind "$volume" "$root/var/lib/simsim"
  mount -o remount,bind,ro "$root/usr"
  mount -o remount,bind,ro "$root"
}}
exec /usr/sbin/chroot "$root" "$@"
"""


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with their arguments."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


@dataclass
class Image:
    """What the instructions of one stage have made: its root, and how its processes run."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": f"{PYTHON}/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("usr", "etc", "dev", "proc", "tmp", "run", "var/lib", "opt", str(PYTHON)[1:]):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        for path in (Path("/etc") / name for name in ETC):
            if path.is_dir():
                shutil.copytree(path, self.root / "etc" / path.name, symlinks=True)
            elif path.exists():
                shutil.copy2(path, self.root / "etc" / path.name)

    def arguments(self, command: Sequence[str], volume: Path | None) -> list[str]:
        """Return the arguments that run a command in this image; with a volume, its root is read-only."""
        uid, gid = self.user.split(":")
        rights = [] if uid == "0" else ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        as_user = ["/usr/bin/setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", *rights]
        namespace = ["unshare", "--mount", "--propagation", "private"]
        return [*namespace, "sh", "-c", ENTER, "sh", str(self.root), str(volume or ""), *as_user, *command]

    def run(
        self, command: Sequence[str], *, volume: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.arguments(command, volume), env=self.environment | dict(settings or {}), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip


def build(folder: Path, context: Path) -> Image:
    """Follow the Dockerfile, whose stages get folders below `folder`, and return the image of its last stage."""
    stages: dict[str, Image] = {}
    image = None
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    for name, argument in instructions():
        if name == "FROM":
            _, _, stage = argument.partition(" AS ")
            image = stages[stage] = Image(folder / (stage or "image"))
            continue
        assert image is not None
        if name == "RUN" and argument.startswith("apt-get "):
            continue  # the machine's own /usr has the programs, and no step may change it
        if name == "RUN":
            done = image.run(["/bin/sh", "-c", argument], settings=pip)
            assert done.returncode == 0, f"{argument}: {done.stdout}{done.stderr}"
        elif name == "COPY":
            copy(argument.split(), image, stages, context)
        elif name == "ENV":
            image.environment |= dict(word.split("=", 1) for word in argument.split())
        elif name == "USER":
            image.user = argument
        elif name == "HEALTHCHECK":
            image.health = json.loads(argument.partition("CMD ")[2])
        elif name in {"ENTRYPOINT", "CMD"}:
            setattr(image, "entrypoint" if name == "ENTRYPOINT" else "command", json.loads(argument))
        else:
            assert name in {"WORKDIR", "VOLUME", "EXPOSE"}, name
    assert image is not None
    return image


def copy(words: list[str], image: Image, stages: Mapping[str, Image], context: Path) -> None:
    *sources, target = words
    place = image.root / target[1:]
    if sources[0].startswith("--from="):
        (_, source) = sources
        shutil.copytree(stages[sources[0].partition("=")[2]].root / source[1:], place, symlinks=True)
        return
    place.mkdir(parents=True)
    for pattern in sources:
        found = [path for path in context.iterdir() if fnmatch(path.name, pattern)]
        assert found, pattern
        for path in found:
            shutil.copy(path, place)
