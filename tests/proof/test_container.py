"""The recipe of the image, followed on this machine: the release installed by its lock, on a read-only file system."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import packages
from dockerfile import command_of, instructions
from postgresql_server import free_port

pytestmark = pytest.mark.timeout(900)
RECIPE = instructions(packages.ROOT / "release/container/Dockerfile")
# A mount namespace in which nothing can be written except the volume and a temporary file system.
READ_ONLY = """
set -e
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /var/tmp
mount --bind "$VOLUME" "$VOLUME"
mount -o remount,bind,rw "$VOLUME"
exec "$@"
"""


def in_container(volume: Path, *command: str) -> list[str]:
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["env", f"VOLUME={volume}", "unshare", "--mount", *user, "sh", "-c", READ_ONLY, "sh", *command]


def test_release_runs_as_the_image_does(tmp_path: Path) -> None:
    release = packages.build(tmp_path / "release", is_small=False)
    installed, volume, port = tmp_path / "opt", tmp_path / "volume", free_port()
    volume.mkdir(mode=0o700)
    (install,) = [each.text for each in RECIPE if each.name == "RUN" and "pip install" in each.text]
    (lock,) = release.glob("*-requirements.txt")
    steps = install.replace("python -m", f"{sys.executable} -m").replace("/opt/simsim", str(installed))
    subprocess.run(
        ["sh", "-c", steps.replace("/packages/simsim-*-requirements.txt", str(lock))], check=True, timeout=600
    )
    shutil.rmtree(tmp_path / "release")
    settings = {
        "PATH": f"{installed}/bin:/usr/bin:/bin",
        "SIMSIM_DATA_DIR": str(volume),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": "/var/tmp",
    }

    (entry,) = [command_of(each.text) for each in RECIPE if each.name == "ENTRYPOINT"]
    (command,) = [command_of(each.text) for each in RECIPE if each.name == "CMD"]
    (check,) = [command_of(each.text) for each in RECIPE if each.name == "HEALTHCHECK"]
    migrate = in_container(volume, *entry, "migrate")
    subprocess.run(migrate, env=settings, cwd="/", check=True, timeout=120)
    serve = in_container(volume, *entry, *command, "--port", str(port))
    asked = [word.replace(":8000/", f":{port}/") for word in check]
    with subprocess.Popen(serve, env=settings, cwd="/") as serving:
        try:
            deadline = time.monotonic() + 60
            while subprocess.run(asked, env=settings, check=False, capture_output=True, timeout=10).returncode:
                assert time.monotonic() < deadline
                assert serving.poll() is None
                time.sleep(0.5)
        finally:
            serving.terminate()
        assert serving.wait(30) == 0
