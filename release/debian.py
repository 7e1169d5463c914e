"""Builds the Debian package from the wheel and its lock: `debian.py FOLDER`, where FOLDER holds both."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from build import BUILD_TIME, CHECKOUT, VERSION, sha256

RECIPES = CHECKOUT / "release/debian"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
SCRIPTS = ("postinst", "prerm", "postrm")


def main(folder: Path) -> None:
    """Build the package into `folder`, add it to SHA256SUMS, and print its path."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", BUILD_TIME)
    architecture = run("dpkg", "--print-architecture").strip()
    package = folder / f"simsim_{VERSION}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        install_program(root / "opt/simsim", folder / f"simsim-{VERSION}-requirements.txt")
        install_files(root)
        compile_modules(root)
        write_control(root, architecture)
        run("dpkg-deb", "--root-owner-group", "-Zxz", "-z3", "--build", str(root), str(package))
    with (folder / "SHA256SUMS").open("a", encoding="utf-8") as sums:
        sums.write(f"{sha256(package)}  {package.name}\n")
    sys.stdout.write(f"{package}\n")


def install_program(prefix: Path, lock: Path) -> None:
    """Install the wheel and what it needs into an environment that uses Debian's own Python."""
    options = ("--quiet", "--no-deps", "--require-hashes", "--ignore-installed", "--no-compile")
    silence = ("--no-warn-script-location", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "install", *options, *silence, "--prefix", str(prefix), "-r", str(lock))
    programs = prefix / "bin"
    (prefix / "libexec").mkdir()
    start = "import sys\n\nfrom simsim.config.command_line import main\n\nsys.exit(main())\n"
    (prefix / "libexec/simsim.py").write_text(start, encoding="utf-8")
    # pip's scripts name the Python of the machine that builds the package.
    shutil.rmtree(programs)
    copy(RECIPES / "launcher", programs / "simsim", mode=0o755)
    (programs / "python").symlink_to(f"/usr/bin/{PYTHON}")
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n", encoding="utf-8")


def install_files(root: Path) -> None:
    """Put the units, the settings, the command and the licence in their places."""
    for unit in sorted((CHECKOUT / "release/systemd").iterdir()):
        copy(unit, root / "usr/lib/systemd/system" / unit.name)
    copy(RECIPES / "command", root / "usr/bin/simsim", mode=0o755)
    copy(RECIPES / "default", root / "etc/default/simsim")
    # Only root, and later the group `simsim`, may read the settings.
    copy(RECIPES / "simsim.env", root / "etc/simsim/simsim.env", mode=0o640)
    copy(CHECKOUT / "LICENSE", root / "usr/share/doc/simsim/copyright")


def compile_modules(root: Path) -> None:
    """Compile the modules now, because the user `simsim` can't write to their folder."""
    options = ("-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/")
    run(sys.executable, "-m", "compileall", *options, str(root / "opt/simsim/lib"))


def write_control(root: Path, architecture: str) -> None:
    """Write the files that dpkg reads, and set the mode of each folder and file."""
    control = (RECIPES / "control").read_text(encoding="utf-8")
    kilobytes = sum(path.stat().st_size for path in files(root)) // 1024
    facts = {"version": VERSION, "architecture": architecture, "kilobytes": kilobytes, "python": PYTHON}
    for script in SCRIPTS:
        copy(RECIPES / script, root / "DEBIAN" / script, mode=0o755)
    copy(RECIPES / "conffiles", root / "DEBIAN/conffiles")
    (root / "DEBIAN/control").write_text(control.format_map(facts), encoding="utf-8")
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o755)


def files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def copy(source: Path, target: Path, *, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    target.chmod(mode)


def run(*command: str) -> str:
    """Return what the command printed. If it fails, exit with its error message."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
